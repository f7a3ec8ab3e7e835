package outbox

import (
	"context"
	"errors"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// What the operator does to the database happens when nobody else can publish,
// and before the log is told.
func TestRelay_AdoptAfterPreparesBeforeTheLogIsTold(t *testing.T) {
	scenario(t, func(w *world) {
		w.crashed("a")
		w.state = eventstore.RelayState{StoreEpoch: "epoch-1", Batch: 0}
		before := len(w.entries)
		prepared := 0
		adopter := w.prepare("adopter")
		adopter.run(func(ctx context.Context) error {
			return adopter.relay.AdoptAfter(ctx, func(context.Context) error {
				prepared++
				if len(w.entries) != before {
					w.fatalf("the log was told before")
				}
				w.state.StoreEpoch = "epoch-2"
				return nil
			})
		})
		if err := w.result(adopter); err != nil {
			w.fatalf("%v", err)
		}
		if prepared != 1 || len(w.entries) != before+1 || w.state.Batch != 1 {
			w.fatalf("prepared %d times, %d records, batch %d", prepared, len(w.entries)-before, w.state.Batch)
		}
	})
}

func TestRelay_AdoptAfterEndsWithWhatPreparingFailedWith(t *testing.T) {
	scenario(t, func(w *world) {
		w.crashed("a")
		w.state.StoreEpoch = "epoch-2"
		before := len(w.entries)
		broken := errors.New("disk is full")
		adopter := w.prepare("adopter")
		adopter.run(func(ctx context.Context) error {
			return adopter.relay.AdoptAfter(ctx, func(context.Context) error { return broken })
		})
		if err := w.result(adopter); !errors.Is(err, broken) {
			w.fatalf("got %v", err)
		}
		if len(w.entries) != before {
			w.fatalf("the log was told")
		}
	})
}
