package aggregate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/aggregate/aggregatetest"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An account is the aggregate of these tests. Its balance is public, a note is
// not.
type (
	state    struct{ Balance, Notes int64 }
	observed struct{ Rate int64 }
	event    interface{ name() string }

	deposited struct{ Amount int64 }
	noted     struct{ Text string }

	root = aggregate.Root[state, observed, event]
)

func (deposited) name() string { return "Deposited" }
func (noted) name() string     { return "Noted" }

var errRefused = errors.New("refused")

func evolve(s state, e event) state {
	switch e := e.(type) {
	case deposited:
		s.Balance += e.Amount
	case noted:
		s.Notes++
	}
	return s
}

// decode also reads the first shape of a deposit, which had whole units.
func decode(name string, schema int, data []byte) (event, error) {
	switch {
	case name == "Deposited" && schema == 1:
		var old struct{ Units int64 }
		err := json.Unmarshal(data, &old)
		return deposited{old.Units * 100}, err
	case name == "Deposited" && schema == 2:
		var e deposited
		err := json.Unmarshal(data, &e)
		return e, err
	case name == "Noted" && schema == 1:
		var e noted
		err := json.Unmarshal(data, &e)
		return e, err
	}
	return nil, fmt.Errorf("event %s of schema %d is unknown", name, schema)
}

func encode(e event) (string, int, []byte, error) {
	if d, ok := e.(deposited); ok && d.Amount == 0 {
		return "", 0, nil, errors.New("a deposit of nothing")
	}
	data, err := json.Marshal(e)
	schema := 1
	if e.name() == "Deposited" {
		schema = 2
	}
	return e.name(), schema, data, err
}

type public struct{ Balance int64 }

// publish panics for one balance, as a mistake in a program would.
func publish(t aggregate.Transition[state]) (*eventstore.Record, error) {
	switch {
	case t.After.Balance == panicBalance:
		panic("no record for this balance")
	case t.After.Balance == t.Before.Balance:
		return nil, nil
	}
	value, err := json.Marshal(show(t))
	return &eventstore.Record{Topic: "accounts", Key: t.Stream.ID, Value: value}, err
}

const panicBalance = 666

func show(t aggregate.Transition[state]) any { return public{t.After.Balance} }

// accounts is the definition under test; orphans are private and have no record.
func accounts() *aggregate.Definition[state, observed, event] {
	return &aggregate.Definition[state, observed, event]{
		Kind: "account", Evolve: evolve, Decode: decode, Encode: encode, Publish: publish, Show: show,
	}
}

func private() *aggregate.Definition[state, observed, event] {
	return &aggregate.Definition[state, observed, event]{Kind: "private", Evolve: evolve, Decode: decode, Encode: encode}
}

func open(t testing.TB) *aggregatetest.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "store.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, s.Close()) })
	return aggregatetest.Wrap(s)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func meta(at int64) eventstore.Meta {
	return eventstore.Meta{At: at, Correlation: "c", Causation: "test"}
}

// apply commits events to one account.
func apply(t testing.TB, w eventstore.Writer, d *aggregate.Definition[state, observed, event], id string, events ...event) {
	t.Helper()
	err := aggregate.Do(t.Context(), w, func(s *aggregate.Session) error {
		r, err := d.LoadOne(t.Context(), s, id)
		if err != nil {
			return err
		}
		return r.Apply(meta(1), events...)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func rows(t testing.TB, s eventstore.Outbox) []eventstore.OutboxRow {
	t.Helper()
	return must(s.Pending(t.Context(), 0, 10_000, 1<<30))(t)
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("not in time: %s", what)
		case <-tick.C:
		}
	}
}
