package kafka_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// A loop that publishes batches, each with the position reached, and recovers
// from everything by asking Kafka where it stands.
func Example() {
	ctx := context.Background()
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{"localhost:9092"}})
	if err != nil {
		fmt.Println(err) // every fault of the config
		return
	}
	defer client.Close()
	producer, err := kafka.NewProducer(client, kafka.ProducerConfig{TransactionalID: "order-relay"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for ctx.Err() == nil { // while the lease is held
		if err := producer.Init(ctx); errors.Is(err, kafka.ErrFenced) {
			return // somebody else took over: give up the lease
		} else if err != nil {
			continue
		}
		position, err := lastPosition(ctx, client)
		for err == nil {
			position, err = publishBatch(ctx, producer, position)
		}
	}
}

// publishBatch writes one batch and the position after it. Any error means: Init, and
// read the position.
func publishBatch(ctx context.Context, producer *kafka.Producer, position int) (int, error) {
	txn, err := producer.Begin()
	if err != nil {
		return position, err
	}
	next := position + 1
	if err := txn.Produce(ctx,
		kafka.Record{Topic: "orders", Partition: kafka.AnyPartition, Key: []byte("order-42"), Value: fmt.Append(nil, "event ", next)},
		kafka.Record{Topic: "order-positions", Partition: 0, Key: []byte("order-relay"), Value: fmt.Append(nil, next)},
	); err != nil {
		return position, err
	}
	if err := txn.Commit(ctx); err != nil {
		return position, err
	}
	return next, nil
}

// lastPosition reads what is committed. The partition is this producer's alone: an
// open transaction of somebody else would hide our last commit from the reader.
func lastPosition(ctx context.Context, client *kafka.Client) (position int, err error) {
	tp := kafka.TopicPartition{Topic: "order-positions", Partition: 0}
	from, err := client.StartOffsets(ctx, tp)
	if err != nil {
		return 0, err
	}
	err = client.ScanFrom(ctx, kafka.ReadCommitted, from, func(r kafka.Record) error {
		_, err := fmt.Sscan(string(r.Value), &position)
		return err
	})
	return position, err
}
