package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
)

func TestCommitted_TellsOtherProcesses(t *testing.T) {
	ctx := within(t)
	url := newDatabase(t)
	a, b := openAt(t, url), openAt(t, url)
	for _, c := range []<-chan struct{}{a.Committed(), b.Committed(), a.IntentsChanged(), b.IntentsChanged()} {
		receive(t, c, "a process that begins to listen looks for itself")
	}
	check(t, grow(ctx, a, order("1")))
	receive(t, a.Committed(), "the process itself")
	receive(t, b.Committed(), "the other process")
	quiet := func(c <-chan struct{}) {
		t.Helper()
		select {
		case <-c:
			t.Error("told of intents that there are not")
		default:
		}
	}
	quiet(a.IntentsChanged())
	quiet(b.IntentsChanged())
	check(t, commit(ctx, a, func([]eventstore.Stream) eventstore.Unit {
		return eventstore.Unit{Intents: []eventstore.Intent{{Key: "k", Kind: "capture"}}}
	}))
	receive(t, a.IntentsChanged(), "the process itself, of the intent")
	receive(t, b.IntentsChanged(), "the other process, of the intent")
}

func TestCommitted_IsHeardAgainAfterTheSessionWasEnded(t *testing.T) {
	url, application := named(t, newDatabase(t))
	b := openAt(t, url)
	a := openAt(t, newName(t, url))
	heard(t, a, b)
	terminate(connect(t, newName(t, url)), application)
	heard(t, a, b)
}

// Hazard: the server commits notifications one after the other.
func TestCommitted_NotifiesSeldomUnderLoad(t *testing.T) {
	ctx := within(t)
	url := newDatabase(t)
	s := openAt(t, url)
	listener, beside := connect(t, url), connect(t, url)
	channel := fmt.Sprintf("murmuration_%d", listener.number(`SELECT 'outbox'::regclass::oid::bigint`))
	listener.exec(`LISTEN "` + channel + `"`)
	const units = 200
	started := time.Now()
	for range units {
		check(t, grow(ctx, s, order("1")))
	}
	most := int(time.Since(started)/postgres.NotifyEvery) + 1
	beside.exec(`SELECT pg_notify($1, 'end')`, channel)
	notified := 0
	for {
		n, err := listener.conn.WaitForNotification(ctx)
		check(t, err)
		if n.Payload == "end" {
			break
		}
		notified++
	}
	if notified == 0 || notified > most {
		t.Errorf("%d notifications of %d units, want 1 to %d", notified, units, most)
	}
}

func receive(t *testing.T, c <-chan struct{}, who string) {
	t.Helper()
	select {
	case <-c:
	case <-within(t).Done():
		t.Fatalf("not told: %s", who)
	}
}
