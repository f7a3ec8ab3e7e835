package restore

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

const (
	// page bounds one read of streams.
	page = 500
	// rowPage and rowBytes bound one read of the outbox, and one deletion there.
	rowPage  = 2000
	rowBytes = 4 << 20
)

// Log is what is read of Kafka; kafka.Client is one.
type Log interface {
	Scan(ctx context.Context, iso kafka.Isolation, topics []string, fn func(kafka.Record) error) error
}

// Key is a key of which the log says more than the database, or something else.
type Key struct {
	Topic string `json:"topic"`
	Key   string `json:"key"`
	// Kind is that of the stream, whose id is the key.
	Kind string `json:"kind"`
	// Database and Log are the versions that the two know; Database is 0 if it
	// knows no such stream.
	Database int64 `json:"database"`
	Log      int64 `json:"log"`
	// Contradicts tells that the database has gone on by itself since it was set
	// back: it knows Log as another fact, or as none that was published.
	Contradicts bool `json:"contradicts,omitempty"`
	// Said is what the last record says, in the typed form of its kind.
	Said any `json:"said"`

	kind  Kind
	value []byte  // of the last record
	inLog []int64 // versions
	rows  []int64 // versions that wait in the outbox

	// What Adopt makes of it.
	target               int64 // version; 0 if the stream stays as it is
	published, withdrawn []int64
}

func ids(keys []*Key) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k.Key
	}
	return out
}

func (k *Key) stream() eventstore.StreamID { return eventstore.StreamID{Kind: k.Kind, ID: k.Key} }

// Comparison is how a database and its log differ.
type Comparison struct {
	// Keys are those that differ, by topic and key.
	Keys []*Key `json:"keys"`
	// Covered are the rows in the outbox that must not be published any more: the
	// log has their versions, or later ones.
	Covered []eventstore.RowID `json:"covered,omitempty"`
	// Records is how many records were read, Streams how many streams there are.
	Records int64 `json:"records"`
	Streams int   `json:"streams"`
	// Behind counts the keys that the log lacks although the database believes
	// that a record of them went out: see Republish.
	Behind int `json:"behind"`

	settle []*Key // in question: differing now, or before an Adopt that was cut short
	behind []eventstore.StreamID
	told   map[eventstore.StreamID]int64   // the log's last version
	rows   map[eventstore.StreamID][]int64 // versions that wait in the outbox
}

// comparer gathers a Comparison.
type comparer struct {
	store    eventstore.Store
	byTopic  map[string]Kind
	versions map[eventstore.StreamID]head
	keys     map[eventstore.StreamID]*Key
	out      Comparison
}

type head struct{ version, published int64 }

// Compare reads the database and its topics. It changes nothing. Where the service
// runs meanwhile, it may name keys that are only under way.
func Compare(ctx context.Context, store eventstore.Store, log Log, kinds []Kind) (*Comparison, error) {
	c := &comparer{
		store: store, byTopic: make(map[string]Kind, len(kinds)), versions: make(map[eventstore.StreamID]head),
		keys: make(map[eventstore.StreamID]*Key),
	}
	c.out.told, c.out.rows = make(map[eventstore.StreamID]int64), make(map[eventstore.StreamID][]int64)
	topics := make([]string, len(kinds))
	for i, k := range kinds {
		c.byTopic[k.Topic()], topics[i] = k, k.Topic()
		if err := c.streams(ctx, k.Name()); err != nil {
			return nil, err
		}
	}
	if err := c.outbox(ctx); err != nil {
		return nil, err
	}
	if err := log.Scan(ctx, kafka.ReadCommitted, topics, c.record); err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	for id, h := range c.versions {
		if h.published > c.out.told[id] && !slices.Contains(c.out.rows[id], h.published) {
			c.out.behind = append(c.out.behind, id)
		}
	}
	slices.SortFunc(c.out.behind, eventstore.StreamID.Compare)
	c.out.Behind = len(c.out.behind)
	for _, id := range slices.SortedFunc(maps.Keys(c.keys), eventstore.StreamID.Compare) {
		if err := c.judge(ctx, c.keys[id]); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(c.out.Keys, func(a, b *Key) int { return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Key, b.Key)) })
	return &c.out, nil
}

func (c *comparer) streams(ctx context.Context, kind string) error {
	for after := ""; ; {
		rows, err := c.store.Streams(ctx, kind, after, page)
		if err != nil {
			return err
		}
		for _, row := range rows {
			c.versions[row.ID] = head{row.Version, row.Published}
			after = row.ID.ID
		}
		if len(rows) < page {
			c.out.Streams = len(c.versions)
			return nil
		}
	}
}

func (c *comparer) outbox(ctx context.Context) error {
	for after := int64(0); ; {
		rows, err := c.store.Pending(ctx, after, rowPage, rowBytes)
		if err != nil {
			return err
		}
		for i := range rows {
			c.out.rows[rows[i].Stream] = append(c.out.rows[rows[i].Stream], rows[i].Version)
			after = rows[i].Seq
		}
		if len(rows) == 0 {
			return nil
		}
	}
}

// record takes one record of the log. Only what can differ is kept.
func (c *comparer) record(r kafka.Record) error {
	c.out.Records++
	kind := c.byTopic[r.Topic]
	id := eventstore.StreamID{Kind: kind.Name(), ID: string(r.Key)}
	if r.Value == nil { // the service forgot it
		delete(c.keys, id)
		delete(c.out.told, id)
		return nil
	}
	text, _ := r.Header(aggregate.HeaderVersion)
	version, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("%s/%d at offset %d: its header says version %q", r.Topic, r.Partition, r.Offset, text)
	}
	c.out.told[id] = max(c.out.told[id], version)
	if version <= c.versions[id].version && len(c.out.rows[id]) == 0 {
		return nil
	}
	k := c.keys[id]
	if k == nil {
		k = &Key{Topic: r.Topic, Key: id.ID, Kind: id.Kind, Database: c.versions[id].version, kind: kind, rows: c.out.rows[id]}
		c.keys[id] = k
	}
	k.inLog = append(k.inLog, version)
	if version > k.Log {
		k.Log, k.value = version, slices.Clone(r.Value)
	}
	return nil
}

// judge decides what a key that may differ needs.
func (c *comparer) judge(ctx context.Context, k *Key) error {
	var err error
	if k.Said, err = k.kind.read(ctx, k.value); err != nil {
		return fmt.Errorf("%s: last record of %s: %w", k.Topic, k.Key, err)
	}
	k.value = nil
	if k.Log <= k.Database {
		same, err := k.kind.agrees(ctx, c.store, k.Key, k.Log, k.Said)
		if err != nil {
			return err
		}
		k.Contradicts = !same
	}
	for _, v := range k.rows {
		if v <= k.Log || k.Contradicts {
			c.out.Covered = append(c.out.Covered, eventstore.RowID{Stream: k.stream(), Version: v})
		}
	}
	switch {
	case k.Log > k.Database:
		k.target = k.Log
	case k.Contradicts:
		k.target = k.Database + 1
	}
	if k.target > 0 {
		c.out.Keys = append(c.out.Keys, k)
		if err := c.account(ctx, k); err != nil {
			return err
		}
	}
	if k.target > 0 || len(k.rows) > 0 {
		c.out.settle = append(c.out.settle, k)
	}
	return nil
}

// account finds which versions the stream knows wrongly as published or not.
func (c *comparer) account(ctx context.Context, k *Key) error {
	believed, err := k.kind.published(ctx, c.store, k.Key)
	if err != nil {
		return err
	}
	for _, v := range k.inLog {
		if v != k.target && !slices.Contains(believed, v) {
			k.published = append(k.published, v)
		}
	}
	for _, v := range k.rows {
		if !slices.Contains(k.inLog, v) {
			k.withdrawn = append(k.withdrawn, v)
		}
	}
	return nil
}
