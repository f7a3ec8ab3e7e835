package sim

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// looker reads a database for checks.
type looker struct{ disk *Disk }

func (l looker) Stream(_ context.Context, id eventstore.StreamID) (eventstore.Stream, error) {
	return l.disk.Stream(id), nil
}

func (l looker) History(_ context.Context, id eventstore.StreamID, after int64, limit int) ([]eventstore.Event, error) {
	return l.disk.data.history(id, after, limit), nil
}

func (l looker) Streams(_ context.Context, kind, after string, limit int) ([]eventstore.Stream, error) {
	return l.disk.data.page(kind, after, limit), nil
}

func (l looker) Position(_ context.Context, topic string, partition int32) (eventstore.Position, bool, error) {
	p, ok := l.disk.data.positions[spot{topic, partition}]
	return p, ok, nil
}

func (l looker) Positions(context.Context) ([]eventstore.Position, error) {
	return l.disk.data.allPositions(), nil
}

func (l looker) Parked(_ context.Context, after eventstore.ParkedKey, limit int) ([]eventstore.Parked, error) {
	return l.disk.data.parkedPage(after, limit), nil
}

func (l looker) Query(context.Context, string, []any, func(eventstore.Row) error) error {
	return ErrNoSQL
}

func (l looker) ExpireAnswers(context.Context, int64, int) (int, error) { return 0, nil }

func (l looker) Ready(context.Context) error { return nil }

func (t tables) page(kind, after string, limit int) (out []eventstore.Stream) {
	for id, s := range t.streams {
		if id.Kind == kind && id.ID > after {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b eventstore.Stream) int { return a.ID.Compare(b.ID) })
	return out[:min(limit, len(out))]
}

func (t tables) allPositions() []eventstore.Position {
	return slices.SortedFunc(maps.Values(t.positions), func(a, b eventstore.Position) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
}

func (t tables) parkedPage(after eventstore.ParkedKey, limit int) (out []eventstore.Parked) {
	for key, p := range t.parked {
		if compareKeys(key, after) > 0 {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b eventstore.Parked) int { return compareKeys(a.ParkedKey, b.ParkedKey) })
	return out[:min(limit, len(out))]
}
