package aggregate_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// paid is a command that deposits once per idempotency key and answers with the
// balance.
func paid(t *testing.T, r aggregate.Request, amount int64, answer *eventstore.Answer) func(*aggregate.Session, *root) error {
	return func(s *aggregate.Session, acc *root) (err error) {
		*answer, err = s.Once(t.Context(), r, func() (int, []byte, error) {
			if amount < 0 {
				return 0, nil, errRefused
			}
			err := acc.Apply(meta(1), deposited{amount})
			return 201, fmt.Append(nil, acc.State.Balance), err
		})
		return err
	}
}

func TestOnce_AnswersTheSameRequestAlikeAndActsOnce(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	commands := aggregate.NewCommands(store)
	request := aggregate.Request{Key: "k", Scope: "pay", Digest: "5", At: 1_000_000}
	var first, again, other eventstore.Answer
	check(t, aggregate.Run(t.Context(), commands, d, "a", paid(t, request, 5, &first)))
	check(t, aggregate.Run(t.Context(), commands, d, "a", paid(t, request, 5, &again)))
	if first.Status != 201 || string(first.Body) != "5" || again.Status != 201 || string(again.Body) != "5" {
		t.Errorf("got %+v, then %+v", first, again)
	}
	if want := 1_000_000 + (24 * time.Hour).Microseconds(); first.ExpiresAt != want {
		t.Errorf("got an answer that expires at %d, want %d", first.ExpiresAt, want)
	}
	request.Digest = "6"
	err := aggregate.Run(t.Context(), commands, d, "a", paid(t, request, 6, &other))
	if !errors.Is(err, aggregate.ErrKeyReused) {
		t.Errorf("got %v for another request, want it refused", err)
	}
	request.Scope = "refund"
	check(t, aggregate.Run(t.Context(), commands, d, "a", paid(t, request, 6, &other)))
	request.Key = ""
	check(t, aggregate.Run(t.Context(), commands, d, "a", paid(t, request, 1, &other)))
	check(t, aggregate.Run(t.Context(), commands, d, "a", paid(t, request, 1, &other)))
	if got := must(d.Read(t.Context(), store, "a"))(t); got.State.Balance != 13 {
		t.Errorf("got balance %d, want 5, 6 in another scope, and 1 twice without a key", got.State.Balance)
	}
}

func TestOnce_DoesNotKeepRefusals(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	commands := aggregate.NewCommands(store)
	request := aggregate.Request{Key: "k", Scope: "pay", Digest: "d"}
	var a eventstore.Answer
	if err := aggregate.Run(t.Context(), commands, d, "a", paid(t, request, -1, &a)); !errors.Is(err, errRefused) {
		t.Fatalf("got %v", err)
	}
	check(t, aggregate.Run(t.Context(), commands, d, "a", paid(t, request, 5, &a)))
	if string(a.Body) != "5" {
		t.Errorf("got %+v", a)
	}
}

func TestOnce_TheSameKeyTwiceInOneBatchActsOnce(t *testing.T) {
	t.Parallel()
	b := newTogether(t)
	request := aggregate.Request{Key: "k", Scope: "pay", Digest: "d"}
	other := request
	other.Digest = "another"
	var answers [4]eventstore.Answer
	b.add("a", paid(t, request, -1, &answers[0])) // refused: leaves no answer to the next
	b.add("a", paid(t, request, 5, &answers[1]))
	b.add("a", paid(t, request, 5, &answers[2]))
	b.add("b", paid(t, other, 6, &answers[3]))
	units := 0
	b.commit = func(_ eventstore.Unit, commit func() error) error { units++; return commit() }
	errs := b.run()
	if units != 1 {
		t.Errorf("got %d units, want one", units)
	}
	if !errors.Is(errs[0], errRefused) || errs[1] != nil || errs[2] != nil || !errors.Is(errs[3], aggregate.ErrKeyReused) {
		t.Errorf("got %v", errs)
	}
	if string(answers[1].Body) != "5" || string(answers[2].Body) != "5" || b.balance("a") != 5 || b.balance("b") != 0 {
		t.Errorf("got answers %s, %s, balances %d, %d", answers[1].Body, answers[2].Body, b.balance("a"), b.balance("b"))
	}
}

// Over several processes the store decides: here, two batchers on one store.
func TestOnce_TwoThatArriveTogetherElsewhereActOnce(t *testing.T) {
	t.Parallel()
	store, d := open(t), accounts()
	var running sync.WaitGroup
	for range 2 {
		commands := aggregate.NewCommands(store)
		for i := range 50 {
			running.Go(func() {
				var a eventstore.Answer
				r := aggregate.Request{Key: fmt.Sprint(i), Scope: "pay", Digest: "d"}
				check(t, aggregate.Run(t.Context(), commands, d, fmt.Sprint(i), paid(t, r, 5, &a)))
				if string(a.Body) != "5" {
					t.Errorf("key %d: got %s", i, a.Body)
				}
			})
		}
	}
	running.Wait()
	for i := range 50 {
		if got := must(d.Read(t.Context(), store, fmt.Sprint(i)))(t); got.State.Balance != 5 {
			t.Errorf("account %d: balance %d, want 5", i, got.State.Balance)
		}
	}
}
