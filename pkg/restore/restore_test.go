package restore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/avro"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/restore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A counter is the aggregate of these tests; its record is its number.
type (
	counter struct{ N int64 }
	counted struct{ By int64 }
	none    struct{}
)

const schema = `{"type":"record","name":"Counter","fields":[{"name":"n","type":"long"}]}`

type source struct{}

func (source) SchemaByID(context.Context, int) (string, error) { return schema, nil }

func definition(t *testing.T) *aggregate.Definition[counter, none, counted] {
	t.Helper()
	encoder, err := avro.NewEncoder(schema, 1)
	check(t, err)
	return &aggregate.Definition[counter, none, counted]{
		Kind:   "counter",
		Evolve: func(s counter, e counted) counter { return counter{s.N + e.By} },
		Decode: func(_ string, _ int, data []byte) (e counted, err error) {
			err = json.Unmarshal(data, &e)
			return e, err
		},
		Encode: func(e counted) (string, int, []byte, error) {
			data, err := json.Marshal(e)
			return "Counted", 1, data, err
		},
		Show: func(tr aggregate.Transition[counter]) any { return tr.After },
		Publish: func(tr aggregate.Transition[counter]) (*eventstore.Record, error) {
			value, err := encoder.Encode(map[string]any{"n": tr.After.N})
			headers := []eventstore.Header{{Key: aggregate.HeaderVersion, Value: strconv.FormatInt(tr.Version, 10)}}
			return &eventstore.Record{Topic: "counters", Key: tr.Stream.ID, Value: value, Headers: headers}, err
		},
	}
}

func kinds(t *testing.T, settled *[]string) []restore.Kind {
	t.Helper()
	return []restore.Kind{&restore.Streams[counter, none, counted, counter]{
		Definition: definition(t), RecordTopic: "counters", Schema: schema, Source: source{},
		From: func(native map[string]any) (counter, error) {
			n, ok := native["n"].(int64)
			if !ok {
				return counter{}, errors.New("no number")
			}
			return counter{n}, nil
		},
		Restore: func(_, said counter) counter { return said },
		Settle: func(_ context.Context, _ *aggregate.Session, r *aggregate.Root[counter, none, counted], _ eventstore.Meta) error {
			*settled = append(*settled, r.ID)
			return nil
		},
	}}
}

// topic is a log of records, in their order.
type topic []kafka.Record

func (l *topic) Scan(_ context.Context, _ kafka.Isolation, _ []string, fn func(kafka.Record) error) error {
	for _, r := range *l {
		if err := fn(r); err != nil {
			return err
		}
	}
	return nil
}

// publish moves what waits in the outbox into the log.
func (l *topic) publish(t *testing.T, s eventstore.Store) {
	t.Helper()
	rows, err := s.Pending(t.Context(), 0, 1000, 1<<20)
	check(t, err)
	var names []eventstore.RowID
	for _, row := range rows {
		r := kafka.Record{Topic: row.Record.Topic, Key: []byte(row.Record.Key), Value: row.Record.Value}
		for _, h := range row.Record.Headers {
			r.Headers = append(r.Headers, kafka.Header{Key: h.Key, Value: []byte(h.Value)})
		}
		*l, names = append(*l, r), append(names, row.RowID)
	}
	state, err := s.RelayState(t.Context(), "relay")
	check(t, err)
	state.Batch++
	check(t, s.Published(t.Context(), "relay", names, state))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "counter.db")})
	check(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func count(t *testing.T, s eventstore.Store, id string, by int64) {
	t.Helper()
	check(t, aggregate.Do(t.Context(), s, func(session *aggregate.Session) error {
		r, err := definition(t).LoadOne(t.Context(), session, id)
		if err != nil {
			return err
		}
		return r.Apply(eventstore.Meta{At: 1}, counted{by})
	}))
}

// setBack is a database that forgot what the log has: "a" went on, "b" was made,
// and since then "c" went another way, twice, and "d" was made.
func setBack(t *testing.T) (eventstore.Store, *topic) {
	t.Helper()
	log, lost, s := new(topic), open(t), open(t)
	for _, id := range []string{"a", "c"} {
		count(t, lost, id, 1)
		count(t, s, id, 1)
	}
	log.publish(t, lost)
	new(topic).publish(t, s)
	for range 2 {
		count(t, lost, "a", 10)
		log.publish(t, lost)
	}
	count(t, lost, "b", 5)
	count(t, lost, "c", 100)
	log.publish(t, lost)
	count(t, s, "c", 7)
	count(t, s, "c", 7)
	count(t, s, "d", 9)
	return s, log
}

func TestCompare_NamesEveryKeyThatDiffers(t *testing.T) {
	s, log := setBack(t)
	c, err := restore.Compare(t.Context(), s, log, kinds(t, new([]string)))
	check(t, err)
	var got []string
	for _, k := range c.Keys {
		got = append(got, fmt.Sprint(k.Key, " ", k.Database, " ", k.Log, " ", k.Contradicts, " ", k.Said))
	}
	if want := []string{"a 1 3 false {21}", "b 0 1 false {5}", "c 3 2 true {101}"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(c.Covered) != 2 || c.Behind != 0 || c.Records != 6 || c.Streams != 3 {
		t.Errorf("got %+v", c)
	}
}

// broken fails at the nth call that writes, and at all after it.
type broken struct {
	*sqlite.Store
	left *int
}

var errBroken = errors.New("killed")

func (b broken) spend() error {
	if *b.left--; *b.left < 0 {
		return errBroken
	}
	return nil
}

func (b broken) Begin(ctx context.Context) (eventstore.Tx, error) {
	if err := b.spend(); err != nil {
		return nil, err
	}
	return b.Store.Begin(ctx)
}

func (b broken) Published(ctx context.Context, relay string, rows []eventstore.RowID, state eventstore.RelayState) error {
	if err := b.spend(); err != nil {
		return err
	}
	return b.Store.Published(ctx, relay, rows, state)
}

func (b broken) RenewEpoch(ctx context.Context) (string, error) {
	if err := b.spend(); err != nil {
		return "", err
	}
	return b.Store.RenewEpoch(ctx)
}

func TestAdopt_LeadsToTheSameWhereverItWasInterrupted(t *testing.T) {
	for steps := 0; ; steps++ {
		s, log := setBack(t)
		var settled []string
		left := steps
		whole, ok := s.(*sqlite.Store)
		if !ok {
			t.Fatalf("a %T", s)
		}
		_, failed := restore.Adopt(t.Context(), broken{whole, &left}, log, kinds(t, &settled), "relay")
		if failed != nil && !errors.Is(failed, errBroken) {
			t.Fatal(failed)
		}
		if failed != nil {
			_, err := restore.Adopt(t.Context(), s, log, kinds(t, &settled), "relay")
			check(t, err)
		}
		adopted(t, s, log, steps)
		for _, id := range []string{"a", "b", "c"} {
			if !slices.Contains(settled, id) {
				t.Errorf("after %d steps: %s was not settled", steps, id)
			}
		}
		if failed == nil {
			if steps < 3 {
				t.Errorf("it took %d steps: nothing was proved", steps)
			}
			return
		}
	}
}

// adopted checks the database, and what it publishes afterwards.
func adopted(t *testing.T, s eventstore.Store, log *topic, steps int) {
	t.Helper()
	d := definition(t)
	log.publish(t, s)
	versions := map[string][]int64{}
	for _, r := range *log {
		text, _ := r.Header(aggregate.HeaderVersion)
		v, err := strconv.ParseInt(text, 10, 64)
		check(t, err)
		versions[string(r.Key)] = append(versions[string(r.Key)], v)
	}
	for id, want := range map[string]int64{"a": 21, "b": 5, "c": 101, "d": 9} {
		row, err := s.Stream(t.Context(), d.StreamID(id))
		check(t, err)
		seen, err := d.Inspect(t.Context(), s, row)
		check(t, err)
		if seen.Fault != "" || seen.State != (counter{want}) || !slices.Equal(seen.Published, versions[id]) {
			t.Errorf("after %d steps: %s is %+v, its records %v", steps, id, seen, versions[id])
		}
	}
	c, err := restore.Compare(t.Context(), s, log, kinds(t, new([]string)))
	check(t, err)
	if len(c.Keys)+len(c.Covered)+c.Behind > 0 {
		t.Errorf("after %d steps: there is still a difference: %+v", steps, c)
	}
}

func TestRepublish_TellsWhatTheLogLostAndNothingElse(t *testing.T) {
	s, log := open(t), new(topic)
	for _, id := range []string{"a", "b", "c"} {
		count(t, s, id, 1)
	}
	log.publish(t, s)
	kept := slices.Clone(*log)
	count(t, s, "a", 1)
	count(t, s, "b", 1)
	log.publish(t, s)
	count(t, s, "b", 1) // waits; the one before it is lost
	*log = kept
	out, err := restore.Republish(t.Context(), s, log, kinds(t, new([]string)))
	check(t, err)
	if out.Republished != 2 {
		t.Errorf("%d keys, want a and b", out.Republished)
	}
	log.publish(t, s)
	for id, want := range map[string][]int64{"a": {1, 3}, "b": {1, 3, 4}, "c": {1}} {
		row, err := s.Stream(t.Context(), definition(t).StreamID(id))
		check(t, err)
		seen, err := definition(t).Inspect(t.Context(), s, row)
		check(t, err)
		if seen.Fault != "" || !slices.Equal(seen.Published, want) {
			t.Errorf("%s: got %+v, want published %v", id, seen, want)
		}
	}
	again, err := restore.Republish(t.Context(), s, log, kinds(t, new([]string)))
	check(t, err)
	if again.Republished != 0 {
		t.Errorf("%d keys once more", again.Republished)
	}
}
