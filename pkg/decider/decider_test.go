package decider_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/decider"
	"github.com/murmuration-dev/murmuration/pkg/decider/decidertest"
)

var errClosed = errors.New("account is closed")

type (
	account struct {
		balance int
		closed  bool
	}
	deposit   struct{ amount int }
	closeIt   struct{}
	deposited struct{ amount int }
	closed    struct{}
)

var accounts = decider.Decider[account, any, any]{
	Decide: func(a account, command any) ([]any, error) {
		switch c := command.(type) {
		case deposit:
			if a.closed {
				return nil, errClosed
			}
			return []any{deposited(c)}, nil
		case closeIt:
			if a.closed {
				return nil, nil
			}
			return []any{closed{}}, nil
		}
		return nil, fmt.Errorf("unknown command %T", command)
	},
	Evolve: func(a account, event any) account {
		switch e := event.(type) {
		case deposited:
			a.balance += e.amount
		case closed:
			a.closed = true
		}
		return a
	},
}

func Example() {
	state := accounts.Fold(account{}, deposited{20})
	state, events, err := accounts.Handle(state, deposit{22})
	fmt.Println(state.balance, len(events), err)
	// Output: 42 1 <nil>
}

func TestDecider_ReadsAsGivenWhenThen(t *testing.T) {
	decidertest.For(t, accounts).Given(deposited{1}).When(deposit{2}).Then(deposited{2})
	decidertest.For(t, accounts).Given(closed{}).When(closeIt{}).ThenNothing()
	decidertest.For(t, accounts).Given(closed{}).When(deposit{1}).ThenError(errClosed)
	decidertest.For(t, accounts).Given(deposited{1}).When(deposit{2}).ThenState(account{balance: 3})
}

func TestSettle_StopsWhenNothingIsLeftToDo(t *testing.T) {
	state, events, err := accounts.Settle(account{}, func(a account) (any, bool) {
		if a.balance < 3 {
			return deposit{1}, true
		}
		return nil, false
	})
	if err != nil || state.balance != 3 || len(events) != 3 {
		t.Fatalf("got balance %d, %d events, %v", state.balance, len(events), err)
	}
}

func TestSettle_StopsOnACommandWithoutEvents(t *testing.T) {
	_, events, err := accounts.Settle(account{closed: true}, func(account) (any, bool) { return closeIt{}, true })
	if err != nil || len(events) != 0 {
		t.Fatalf("got %d events, %v", len(events), err)
	}
}

func TestSettle_RefusesToRunForEver(t *testing.T) {
	_, _, err := accounts.Settle(account{}, func(account) (any, bool) { return deposit{1}, true })
	if !errors.Is(err, decider.ErrNoFixpoint) {
		t.Fatalf("got %v", err)
	}
}

func TestSettle_ReturnsARefusal(t *testing.T) {
	_, _, err := accounts.Settle(account{closed: true}, func(account) (any, bool) { return deposit{1}, true })
	if !errors.Is(err, errClosed) {
		t.Fatalf("got %v", err)
	}
}
