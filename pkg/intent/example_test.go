package intent_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
	"github.com/murmuration-dev/murmuration/pkg/intent"
)

// An effect is asked for in the unit that decides it, executed after the commit
// for as long as it takes, and ended by a commit.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	folder, err := os.MkdirTemp("", "payment")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	store, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(folder, "payment.db")})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = store.Close() }()

	charge := func(ctx context.Context, in eventstore.Intent) error {
		fmt.Printf("attempt %d: charge %s, idempotency key %s\n", in.Attempts, in.Payload, in.Key)
		if in.Attempts == 1 {
			return errors.New("gateway is away")
		}
		defer cancel() // an example has seen enough
		return aggregate.Do(ctx, store, func(s *aggregate.Session) error {
			// Here the outcome would be recorded as an event, too.
			s.Unit.FinishIntents = append(s.Unit.FinishIntents, in.Key)
			return nil
		})
	}
	runner, err := intent.New(intent.Config{Owner: "replica-1", RetryInitial: 10 * time.Millisecond},
		intent.Deps{Store: store, Kinds: map[string]intent.Kind{"charge": {Execute: charge}}})
	if err != nil {
		log.Fatal(err)
	}

	err = aggregate.Do(ctx, store, func(s *aggregate.Session) error {
		s.Unit.Intents = append(s.Unit.Intents, eventstore.Intent{
			Key: "order-42/charge", Kind: "charge", Stream: eventstore.StreamID{Kind: "payment", ID: "order-42"},
			Payload: []byte("12.50 GBP"), Due: time.Now().UnixMicro(),
		})
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(runner.Run(ctx))
	// Output:
	// attempt 1: charge 12.50 GBP, idempotency key order-42/charge
	// attempt 2: charge 12.50 GBP, idempotency key order-42/charge
	// <nil>
}
