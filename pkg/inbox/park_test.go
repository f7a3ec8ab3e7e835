package inbox_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/aggregate/aggregatetest"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

func TestInbox_ParksWhatAlwaysFailsAndGoesOnWithOtherKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, "orders")
	bad := message("orders", 0, "bad", "unreadable")
	bad.Headers = []kafka.Header{{Key: "version", Value: []byte("3")}}
	w.publish(message("orders", 0, "a", "a1"), bad, message("orders", 0, "worse", "refused"), message("orders", 0, "b", "b1"))
	c := w.start(config("g", "orders"))
	w.caughtUp(c)
	w.wantEffects("a1", "b1")
	parked, err := w.store.Parked(t.Context(), eventstore.ParkedKey{}, 10)
	if err != nil || len(parked) != 2 {
		t.Fatalf("got %v, %v", parked, err)
	}
	p := parked[0]
	if p.Topic != "orders" || p.Key != "bad" || p.Partition != 0 || p.Offset != 1 || string(p.Value) != "unreadable" || p.At == 0 ||
		p.Reason != `cannot read "unreadable"` || !slices.Equal(p.Headers, []eventstore.Header{{Key: "version", Value: "3"}}) {
		t.Errorf("got %+v, want the record, where it was, and why", p)
	}
	if parked[1].Key != "worse" || parked[1].Offset != 2 || parked[1].Reason != `refuse "refused"` {
		t.Errorf("got %+v", parked[1])
	}
	if c.Status().Failing != nil {
		t.Errorf("got status %v: a parked record fails nobody", c.Status().Failing)
	}
}

// What counts of a key is its last record, in whatever batches the records come.
func TestInbox_TheLastRecordOfAKeyDecidesWhetherItIsParked(t *testing.T) {
	t.Parallel()
	const gone = "-" // a tombstone
	for _, c := range []struct {
		values []string
		parked []string
		seen   string
	}{
		{[]string{"1", "unreadable", "3"}, nil, "3"},
		{[]string{"1", "refused", "3"}, nil, "3"},
		{[]string{"unreadable", "2"}, nil, "2"},
		{[]string{"1", "unreadable"}, []string{"k=unreadable"}, "1"},
		{[]string{"1", "refused"}, []string{"k=refused"}, "1"},
		{[]string{"unreadable1", "unreadable2"}, []string{"k=unreadable2"}, ""},
		{[]string{"refused1", "refused2"}, []string{"k=refused2"}, ""},
		{[]string{"refused1", "unreadable2"}, []string{"k=unreadable2"}, ""},
		{[]string{"unreadable1", "refused2"}, []string{"k=refused2"}, ""},
		{[]string{"unreadable", gone}, nil, ""},
		{[]string{"1", gone}, nil, "1"},
		{[]string{gone, "refused"}, []string{"k=refused"}, ""},
		{[]string{"refused", gone, "3", "unreadable", "5"}, nil, "5"},
	} {
		for _, size := range []int{1, 500} {
			t.Run(fmt.Sprint(c.values, size), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, 1, "orders")
				records := []kafka.Record{message("orders", 0, "other", "other1")}
				for _, v := range c.values {
					if v == gone {
						records = append(records, tombstone("orders", 0, "k"))
					} else {
						records = append(records, message("orders", 0, "k", v))
					}
				}
				w.publish(append(records, message("orders", 0, "other", "other2"))...)
				cfg := config("g", "orders")
				cfg.BatchRecords = size
				w.caughtUp(w.start(cfg))
				if got := w.parked(); !slices.Equal(got, c.parked) {
					t.Errorf("got %v parked, want %v", got, c.parked)
				}
				if got := w.lastSeen("k"); got != c.seen {
					t.Errorf("got %q as the last value handled, want %q", got, c.seen)
				}
				if w.effects()["other1"] != 1 || w.effects()["other2"] != 1 {
					t.Errorf("got effects %v: another key was held up", w.effects())
				}
			})
		}
	}
}

func TestInbox_ALaterVersionUnparksAlsoAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, "orders")
	w.publish(message("orders", 0, "k", "unreadable"), message("orders", 0, "still", "refused"))
	c := w.start(config("g", "orders"))
	w.caughtUp(c)
	check(t, c.stop())
	if got := w.parked(); len(got) != 2 {
		t.Fatalf("got %v parked", got)
	}
	w.publish(message("orders", 0, "k", "good"))
	w.caughtUp(w.start(config("g", "orders")))
	if got := w.parked(); !slices.Equal(got, []string{"still=refused"}) {
		t.Errorf("got %v parked", got)
	}
	w.wantEffects("good")
}

// A commit whose answer was lost has parked the key all the same.
func TestInbox_UnparksWhatAnUnknownCommitParked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, "orders")
	w.store.Once(aggregatetest.Landed)
	w.publish(message("orders", 0, "k", "unreadable"))
	c := w.start(config("g", "orders"))
	w.caughtUp(c)
	if got := w.parked(); len(got) != 1 {
		t.Fatalf("got %v parked", got)
	}
	w.publish(message("orders", 0, "k", "good"))
	w.caughtUp(c)
	if got := w.parked(); len(got) != 0 {
		t.Errorf("got %v parked", got)
	}
}

func TestInbox_ParksWhatLeadsToARecordThatIsTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, "orders")
	w.setHandle(func(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []inbox.Record) error {
		if err := countValues(ctx, tx, unit, records); err != nil {
			return err
		}
		for i := range unit.Changes { // every key publishes what it saw, one far too much of it
			size := 10
			if string(unit.Changes[i].Observed) == `"large"` {
				size = eventstore.MaxRecordBytes
			}
			unit.Changes[i].Events = []eventstore.NewEvent{{Type: "Saw", Schema: 1, Data: []byte("{}")}}
			unit.Changes[i].Record = &eventstore.Record{Topic: "seen", Key: unit.Changes[i].Stream.ID, Value: make([]byte, size)}
		}
		return nil
	})
	var records []kafka.Record
	var values []string
	for i := range 20 {
		value := fmt.Sprint(i)
		if i == 13 {
			value = "large"
		} else {
			values = append(values, value)
		}
		records = append(records, message("orders", 0, fmt.Sprint("k", i), value))
	}
	w.publish(records...)
	w.caughtUp(w.start(config("g", "orders")))
	w.wantEffects(values...)
	if got := w.parked(); !slices.Equal(got, []string{"k13=large"}) {
		t.Errorf("got %v parked", got)
	}
}

// An index outside the batch names no record, so nothing can be parked for it.
func TestInbox_ARecordErrorWithoutARecordIsTransient(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, "orders")
	w.setHandle(func(context.Context, eventstore.Tx, *eventstore.Unit, []inbox.Record) error {
		return &inbox.RecordError{Index: 1, Err: inbox.Permanent(fmt.Errorf("no such record"))}
	})
	w.publish(message("orders", 0, "k", "1"))
	c := w.start(config("g", "orders"))
	w.eventually("it fails", func() bool { return c.Status().Failing != nil })
	w.setHandle(nil)
	w.caughtUp(c)
	if got := w.parked(); len(got) != 0 {
		t.Errorf("got %v parked", got)
	}
	w.wantEffects("1")
}
