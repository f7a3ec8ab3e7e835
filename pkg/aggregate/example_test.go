package aggregate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
)

// Counters count; what they have counted is published.
type (
	Counter struct{ Total int }
	Counted struct{ By int }
)

var counters = &aggregate.Definition[Counter, struct{}, Counted]{
	Kind:   "counter",
	Evolve: func(c Counter, e Counted) Counter { return Counter{c.Total + e.By} },
	Encode: func(e Counted) (string, int, []byte, error) {
		data, err := json.Marshal(e)
		return "Counted", 1, data, err
	},
	Decode: func(_ string, _ int, data []byte) (e Counted, err error) {
		err = json.Unmarshal(data, &e)
		return e, err
	},
	Publish: func(t aggregate.Transition[Counter]) (*eventstore.Record, error) {
		return &eventstore.Record{Topic: "counters", Key: t.Stream.ID, Value: fmt.Append(nil, t.After.Total)}, nil
	},
	Show: func(t aggregate.Transition[Counter]) any { return t.After },
}

// A command is decided on a locked root. What its root decided, the record that
// others may see, and the answer that was kept for its idempotency key are one
// commit, which it shares with the commands that arrive at the same time.
func Example() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "counters")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	store, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(folder, "counters.db")})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = store.Close() }()

	commands := aggregate.NewCommands(store)
	count := func(key string, by int) {
		err := aggregate.Run(ctx, commands, counters, "sheep", func(s *aggregate.Session, c *aggregate.Root[Counter, struct{}, Counted]) error {
			request := aggregate.Request{Scope: "count", Key: key, Digest: fmt.Sprint(by)}
			answer, err := s.Once(ctx, request, func() (int, []byte, error) {
				err := c.Apply(eventstore.Meta{}, Counted{by})
				return 200, fmt.Append(nil, c.State.Total), err
			})
			fmt.Printf("%s: %s\n", key, answer.Body)
			return err
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	count("first", 3)
	count("second", 4)
	count("first", 3) // the client did not see the answer
	count("first", 9) // another request under the same key

	row, err := store.Stream(ctx, counters.StreamID("sheep"))
	if err != nil {
		log.Fatal(err)
	}
	seen, err := counters.Inspect(ctx, store, row)
	fmt.Printf("version %d, published %v, %+v, fault %q, %v\n", seen.Version, seen.Published, seen.State, seen.Fault, err)
	// Output:
	// first: 3
	// second: 7
	// first: 3
	// first: 3
	// count first: idempotency key was used for another request
	// version 2, published [1 2], {Total:7}, fault "", <nil>
}
