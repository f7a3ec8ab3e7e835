package outbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/signal"

	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
)

// A program that relays one database until it is interrupted.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := relay(ctx, zap.Must(zap.NewProduction())); errors.Is(err, outbox.ErrInconsistent) {
		os.Exit(3) // a person has to decide; see Relay.Adopt
	}
}

func relay(ctx context.Context, logger *zap.Logger) error {
	store, err := sqlite.Open(ctx, sqlite.Config{Path: "order.db"})
	if err != nil {
		return err
	}
	defer store.Close()
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{"localhost:9092"}})
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.VerifyTopics(ctx, outbox.PositionsTopic("order-positions")); err != nil {
		return err
	}
	log, err := outbox.NewKafkaLog(client, kafka.ProducerConfig{TransactionalID: "order-relay"})
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	r, err := outbox.New(outbox.Config{Relay: "order", PositionsTopic: "order-positions", Owner: host}, outbox.Deps{
		Store: store, Log: log, Logger: logger,
		EncodePosition: func(p outbox.Position) ([]byte, error) { return json.Marshal(p) },
		DecodePosition: func(_ context.Context, b []byte) (p outbox.Position, err error) {
			err = json.Unmarshal(b, &p)
			return p, err
		},
	})
	if err != nil {
		return err
	}
	return r.Run(ctx)
}
