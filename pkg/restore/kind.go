package restore

import (
	"context"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/avro"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// Kind is one kind of streams with the topic that tells of them. [Streams] is
// its only implementation; the interface is for lists of several.
type Kind interface {
	// Name is that of the kind, Topic where its records are.
	Name() string
	Topic() string
	// read returns what a record says, as a value for people.
	read(ctx context.Context, value []byte) (any, error)
	// agrees tells whether the stream's own record of a version says the same.
	agrees(ctx context.Context, r eventstore.Reader, id string, version int64, said any) (bool, error)
	// published are the versions of which the stream believes that records went out.
	published(ctx context.Context, r eventstore.Reader, id string) ([]int64, error)
	adopt(ctx context.Context, s *aggregate.Session, meta eventstore.Meta, keys []*Key) error
	settle(ctx context.Context, s *aggregate.Session, meta eventstore.Meta, ids []string) error
	republish(ctx context.Context, s *aggregate.Session, meta eventstore.Meta, some []lacking) error
	mend(ctx context.Context, store eventstore.Store, meta eventstore.Meta) ([]string, error)
}

// Streams describes a kind: S, O and E are those of its definition, R is what its
// records say, such as schemas.Order.
type Streams[S, O, E, R any] struct {
	Definition *aggregate.Definition[S, O, E]
	// RecordTopic, Schema and Source are where its records are, and how they are
	// read.
	RecordTopic, Schema string
	Source              avro.SchemaSource
	// From is the typed form of a decoded record, the one that Definition.Show
	// gives.
	From func(map[string]any) (R, error)
	// Restore is the state that a record tells of. What it does not tell is taken
	// from known, the older state of the database, or from what follows.
	Restore func(known S, said R) S
	// Settle does to a unit what belongs to the restored state: read models,
	// intents, and the reaction to what was observed before. It runs after the
	// adoption was committed, in another unit, and perhaps more than once. May be
	// nil.
	Settle func(ctx context.Context, s *aggregate.Session, root *aggregate.Root[S, O, E], meta eventstore.Meta) error
	// Mend puts right what only all streams together can show, when all were
	// adopted, and says what it changed, for people. May be nil.
	Mend func(ctx context.Context, store eventstore.Store, meta eventstore.Meta) ([]string, error)
}

// Name implements Kind.
func (k *Streams[S, O, E, R]) Name() string { return k.Definition.Kind }

// Topic implements Kind.
func (k *Streams[S, O, E, R]) Topic() string { return k.RecordTopic }

func (k *Streams[S, O, E, R]) read(ctx context.Context, value []byte) (any, error) {
	decoder, err := avro.NewDecoder(k.Schema, k.Source)
	if err != nil {
		return nil, err
	}
	native, err := decoder.Decode(ctx, value)
	if err != nil {
		return nil, err
	}
	return k.From(native)
}

func (k *Streams[S, O, E, R]) agrees(ctx context.Context, r eventstore.Reader, id string, version int64, said any) (bool, error) {
	t, ok, err := k.Definition.At(ctx, r, id, version)
	if err != nil || !ok {
		return false, err
	}
	return alike(k.Definition.Show(t), said)
}

func (k *Streams[S, O, E, R]) published(ctx context.Context, r eventstore.Reader, id string) ([]int64, error) {
	built, err := k.Definition.Rebuild(ctx, r, id)
	return built.Published, err
}

func (k *Streams[S, O, E, R]) adopt(ctx context.Context, s *aggregate.Session, meta eventstore.Meta, keys []*Key) error {
	return k.each(ctx, s, ids(keys), func(i int, root *aggregate.Root[S, O, E]) error {
		said, _ := keys[i].Said.(R) // read made it
		state := k.Restore(root.State, said)
		return root.Adopt(meta, aggregate.Adoption[S]{
			State: state, Version: keys[i].target, Published: keys[i].published, Withdrawn: keys[i].withdrawn,
		})
	})
}

func (k *Streams[S, O, E, R]) settle(ctx context.Context, s *aggregate.Session, meta eventstore.Meta, ids []string) error {
	if k.Settle == nil {
		return nil
	}
	return k.each(ctx, s, ids, func(_ int, root *aggregate.Root[S, O, E]) error { return k.Settle(ctx, s, root, meta) })
}

func (k *Streams[S, O, E, R]) republish(ctx context.Context, s *aggregate.Session, meta eventstore.Meta, some []lacking) error {
	names := make([]string, len(some))
	for i, l := range some {
		names[i] = l.id
	}
	return k.each(ctx, s, names, func(i int, root *aggregate.Root[S, O, E]) error { return root.Republish(meta, some[i].lost) })
}

func (k *Streams[S, O, E, R]) mend(ctx context.Context, store eventstore.Store, meta eventstore.Meta) ([]string, error) {
	if k.Mend == nil {
		return nil, nil
	}
	return k.Mend(ctx, store, meta)
}

// each loads streams into a session, and flushes what fn does to them.
func (k *Streams[S, O, E, R]) each(ctx context.Context, s *aggregate.Session, ids []string, fn func(int, *aggregate.Root[S, O, E]) error) error {
	roots, err := k.Definition.Load(ctx, s, ids...)
	if err != nil {
		return err
	}
	for i, root := range roots {
		if err := fn(i, root); err != nil {
			return err
		}
	}
	return nil
}
