package sim_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/sim"
)

// A service of our own, and wrong: it books what it reads in one unit of work, and
// remembers how far it has read in another. Between the two it may die.

var account = eventstore.StreamID{Kind: "account", ID: "1"}

// book reads deposits and adds them up.
func book(ctx context.Context, n *sim.Node) error {
	store := n.Store()
	fetcher := n.Broker().Fetcher()
	defer fetcher.Close()
	from := kafka.TopicPartition{Topic: "deposits"}
	for ctx.Err() == nil {
		p, _, err := store.Position(ctx, from.Topic, from.Partition)
		if err != nil {
			continue // away, or the end: ask again
		}
		pages, err := fetcher.Fetch(ctx, map[kafka.TopicPartition]int64{from: p.Next})
		if err != nil || pages[0].Err != nil || pages[0].Next == p.Next {
			continue
		}
		if addUp(ctx, store, pages[0].Records) != nil {
			continue
		}
		// The mistake: the money is booked, and nobody knows yet.
		_ = commit(ctx, store, eventstore.Unit{Moves: []eventstore.Move{{Topic: from.Topic, From: p.Next, To: pages[0].Next}}})
	}
	return nil
}

func addUp(ctx context.Context, store eventstore.Store, deposits []kafka.Record) error {
	tx, err := store.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	rows, err := tx.Load(ctx, account)
	if err != nil {
		return err
	}
	balance, _ := strconv.Atoi(string(rows[0].State))
	for _, d := range deposits {
		amount, err := strconv.Atoi(string(d.Value))
		if err != nil {
			return err
		}
		balance += amount
	}
	return tx.Commit(ctx, eventstore.Unit{Changes: []eventstore.Change{{
		Stream: account, Expected: rows[0].Version, State: strconv.AppendInt(nil, int64(balance), 10),
		Events: []eventstore.NewEvent{{Type: "Booked", Schema: 1}},
	}}})
}

func commit(ctx context.Context, store eventstore.Store, u eventstore.Unit) error {
	tx, err := store.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	return tx.Commit(ctx, u)
}

// bank is the scenario: four customers deposit, one bank books.
func bank(w *sim.World) {
	w.Topic("deposits", 1)
	books := w.Service(sim.Service{Name: "bank", Start: book})
	w.Service(sim.Service{Name: "counter", Start: func(ctx context.Context, n *sim.Node) error {
		n.Serve(n)
		<-ctx.Done()
		return nil
	}})
	w.Faults(sim.Mix{Kinds: []sim.Kind{sim.CrashBefore, sim.CrashAfter, sim.Stop}, Most: 3, Calls: 40})
	for i := range 4 {
		w.Step(fmt.Sprintf("deposit %d", i), time.Duration(i)*50*time.Millisecond, func(ctx context.Context, c *sim.Client) error {
			return c.Reach(ctx, "counter", time.Second, func(ctx context.Context, api any) error {
				counter, _ := api.(*sim.Node)
				_ = counter.Produce(ctx, eventstore.Record{Topic: "deposits", Key: "1", Value: []byte("10")})
				return nil // whether it arrived is in the log
			})
		})
	}
	w.Settled(func() bool { return books.CaughtUp("deposits") })
	w.Finally("the balance is the sum of the deposits", func() error {
		want := 10 * len(w.Records("deposits"))
		if got := string(books.Stream(account).State); got != strconv.Itoa(want) && want > 0 {
			return fmt.Errorf("deposited were %d, booked are %s", want, got)
		}
		return nil
	})
}

var update = flag.Bool("update", false, "write testdata/example.txt anew")

// The simulation finds the mistake, and leaves of the schedule what shows it: one
// deposit, and one crash in the wrong place: testdata/example.txt.
func TestExample_ASimulationShowsWhatIsWrong(t *testing.T) {
	found, _, ok := sim.Find(t, 1, 500, bank)
	if !ok {
		t.Fatal("the mistake was not found")
	}
	small := sim.Shrink(t, found.Plan, bank)
	if len(small.Faults) != 1 || len(small.Steps) != 1 {
		t.Errorf("shrunk to %v and %v, want one fault and one step", small.Faults, small.Steps)
	}
	shown := sim.Explain(t, found.Plan, bank)
	for _, line := range []string{
		"shrunk to:", "fault: crash", "step: deposit", "account/1@0+Booked", "deposits/0 0→1",
		"did not hold: the balance is the sum of the deposits: deposited were 10, booked are 20",
	} {
		if !strings.Contains(shown, line) {
			t.Errorf("the explanation lacks %q:\n%s", line, shown)
		}
	}
	const kept = "testdata/example.txt"
	if *update {
		if err := os.WriteFile(kept, []byte(shown), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	if shown != string(want) {
		t.Errorf("%s shows another schedule; -update writes it anew:\n%s", kept, shown)
	}
}
