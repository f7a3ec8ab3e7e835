package kafka_test

import (
	"context"
	"fmt"
	"log"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// cluster stands for the brokers of your own: here, one inside the process.
func cluster() (client *kafka.Client, stop func()) {
	brokers, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		log.Fatal(err)
	}
	client, err = kafka.NewClient(kafka.Config{Brokers: brokers.ListenAddrs()})
	if err != nil {
		log.Fatal(err)
	}
	return client, func() {
		client.Close()
		brokers.Close()
	}
}

var orders = kafka.TopicSpec{Name: "orders", Partitions: 1, Configs: map[string]string{"cleanup.policy": "compact"}}

// publish commits one transaction per value.
func publish(ctx context.Context, client *kafka.Client, values ...string) error {
	p, err := kafka.NewProducer(client, kafka.ProducerConfig{TransactionalID: "example"})
	if err != nil {
		return err
	}
	if err := p.Init(ctx); err != nil {
		return err
	}
	for _, v := range values {
		txn, err := p.Begin()
		if err != nil {
			return err
		}
		if err := txn.Produce(ctx, kafka.Record{Topic: "orders", Key: []byte("order-42"), Value: []byte(v)}); err != nil {
			return err
		}
		if err := txn.Commit(ctx); err != nil {
			return err
		}
	}
	return nil
}

// A consumer whose positions live with its effects: what it reads takes effect
// once, whatever happens to it.
func ExampleRunGroup() {
	client, stop := cluster()
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if _, err := client.ApplyTopics(ctx, orders); err != nil {
		log.Fatal(err)
	}
	if err := publish(ctx, client, "PLACED", "CONFIRMED", "COMPLETED"); err != nil {
		log.Fatal(err)
	}

	// This stands for a table in the database that the effects go to.
	table := map[kafka.TopicPartition]int64{}

	group := kafka.GroupConfig{ID: "payment", Topics: []string{"orders"}}
	err := kafka.RunGroup(ctx, client, group, func(ctx context.Context, a *kafka.Assignment) error {
		fetcher := kafka.NewFetcher(client, kafka.FetcherConfig{Isolation: kafka.ReadCommitted})
		defer fetcher.Close()
		positions := map[kafka.TopicPartition]int64{}
		for _, tp := range a.Partitions {
			positions[tp] = table[tp]
		}
		for {
			pages, err := fetcher.Fetch(ctx, positions)
			if err != nil {
				return err
			}
			for _, page := range pages {
				if page.Err != nil {
					return page.Err
				}
				// One database transaction: the effects, and UPDATE … SET next = page.Next
				// WHERE … AND next = the position that was read from.
				for _, r := range page.Records {
					fmt.Printf("%s is %s\n", r.Key, r.Value)
				}
				table[page.TopicPartition] = page.Next
				positions[page.TopicPartition] = page.Next
				if page.Next == page.LastStable {
					cancel() // an example has seen enough when it is caught up
				}
			}
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// order-42 is PLACED
	// order-42 is CONFIRMED
	// order-42 is COMPLETED
}

// Topics are declared; what differs is reported all at once.
func ExampleClient_VerifyTopics() {
	client, stop := cluster()
	defer stop()
	ctx := context.Background()
	changes, err := client.ApplyTopics(ctx, orders)
	fmt.Println(changes, err)

	wider := orders
	wider.Partitions = 12
	wider.Configs = map[string]string{"cleanup.policy": "delete"}
	fmt.Println(client.VerifyTopics(ctx, wider, kafka.TopicSpec{Name: "payments", Partitions: 12}))
	// Output:
	// [created topic orders] <nil>
	// topics are not as declared: orders: partitions: expected "12", found "1"; orders: cleanup.policy: expected "delete", found "compact"; payments: missing
}

// A tool reads everything that is committed, and ends.
func ExampleClient_Scan() {
	client, stop := cluster()
	defer stop()
	ctx := context.Background()
	if _, err := client.ApplyTopics(ctx, orders); err != nil {
		log.Fatal(err)
	}
	if err := publish(ctx, client, "PLACED", "CANCELLED"); err != nil {
		log.Fatal(err)
	}
	state := map[string]string{}
	err := client.Scan(ctx, kafka.ReadCommitted, []string{"orders"}, func(r kafka.Record) error {
		state[string(r.Key)] = string(r.Value)
		return nil
	})
	fmt.Println(state, err)
	// Output:
	// map[order-42:CANCELLED] <nil>
}
