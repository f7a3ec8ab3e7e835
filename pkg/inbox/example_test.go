package inbox_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// lastStatus keeps the last status of every order that it hears of.
type lastStatus struct{}

func (lastStatus) Handle(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []inbox.Record) error {
	for _, r := range records {
		rows, err := tx.Load(ctx, eventstore.StreamID{Kind: "seen", ID: string(r.Key)}) // locked until the commit
		if err != nil {
			return err
		}
		fmt.Printf("%s is %s\n", r.Key, r.Decoded)
		unit.Changes = append(unit.Changes, eventstore.Change{
			Stream: rows[0].ID, Expected: rows[0].Version, Observed: fmt.Appendf(nil, "%q", r.Decoded),
		})
	}
	return nil
}

// decodeStatus reads a value. What it cannot read now it will never be able to
// read, so the record's key is parked.
func decodeStatus(_ context.Context, r kafka.Record) (any, error) {
	if len(r.Value) < 3 {
		return nil, inbox.Permanent(fmt.Errorf("%q is no status", r.Value))
	}
	return string(r.Value), nil
}

// An inbox reads topics into a database: each record takes effect once, and the
// one that can never be read is set aside.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	client, store, stop := exampleWorld(ctx, "PLACED", "?", "CANCELLED")
	defer stop()

	in, err := inbox.New(inbox.Config{Group: "payment", Topics: []string{"orders"}},
		inbox.Deps{Store: store, Client: client, Decode: decodeStatus, Handler: lastStatus{}})
	if err != nil {
		log.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- in.Run(ctx) }()

	// A deadline would wait like this before it takes an order for unpaid.
	if err := in.CaughtUp(ctx, time.Now()); err != nil {
		log.Fatal(err)
	}
	parked, err := store.Parked(ctx, eventstore.ParkedKey{}, 10)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range parked {
		fmt.Printf("%s is parked: %s\n", p.Key, p.Reason)
	}
	cancel()
	fmt.Println(<-ended)
	// Output:
	// order-0 is PLACED
	// order-2 is CANCELLED
	// order-1 is parked: "?" is no status
	// <nil>
}

// exampleWorld stands for brokers and a database of your own.
func exampleWorld(ctx context.Context, statuses ...string) (*kafka.Client, *sqlite.Store, func()) {
	brokers, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		log.Fatal(err)
	}
	client, err := kafka.NewClient(kafka.Config{Brokers: brokers.ListenAddrs()})
	if err != nil {
		log.Fatal(err)
	}
	folder, err := os.MkdirTemp("", "inbox")
	if err != nil {
		log.Fatal(err)
	}
	store, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(folder, "payment.db")})
	if err != nil {
		log.Fatal(err)
	}
	if err := publishStatuses(ctx, client, statuses); err != nil {
		log.Fatal(err)
	}
	return client, store, func() {
		_ = store.Close()
		_ = os.RemoveAll(folder)
		client.Close()
		brokers.Close()
	}
}

func publishStatuses(ctx context.Context, client *kafka.Client, statuses []string) error {
	p, err := kafka.NewProducer(client, kafka.ProducerConfig{TransactionalID: "order"})
	if err != nil {
		return err
	}
	if err := p.Init(ctx); err != nil {
		return err
	}
	txn, err := p.Begin()
	if err != nil {
		return err
	}
	for i, status := range statuses {
		r := kafka.Record{Topic: "orders", Key: fmt.Appendf(nil, "order-%d", i), Value: []byte(status)}
		if err := txn.Produce(ctx, r); err != nil {
			return err
		}
	}
	return txn.Commit(ctx)
}
