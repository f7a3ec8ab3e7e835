package eventstoretest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

var scaleCases = []testCase{{"ManyEventsSlowNothingDown", testScale}}

const (
	scaleEvents, scaleEventsShort = 1_000_000, 100_000
	// scalePatience is for filling the store on a slow, shared machine.
	scalePatience = 5 * time.Minute
	// scaleSamples are taken of each operation; the median is compared.
	scaleSamples = 101
	// scaleFactor is how much slower the median may become: an index that is
	// not used would be slower by orders of magnitude.
	scaleFactor = 10
	// scaleFloor is below what a busy machine lets one compare.
	scaleFloor = time.Millisecond
)

func testScale(t *testing.T, h Harness) {
	total := scaleEvents
	if testing.Short() || raceEnabled {
		total = scaleEventsShort
	}
	ctx, cancel := context.WithTimeout(t.Context(), scalePatience)
	defer cancel()
	s := h.Store
	check(t, grow(ctx, s, order("probe")))
	appendSmall, readSmall := measure(ctx, t, s)
	started := time.Now()
	fill(ctx, t, s, total)
	t.Logf("%d events in %s", total, time.Since(started).Round(time.Millisecond))
	appendLarge, readLarge := measure(ctx, t, s)
	t.Logf("append %s, then %s; history %s, then %s", appendSmall, appendLarge, readSmall, readLarge)
	for what, m := range map[string][2]time.Duration{
		"append": {appendSmall, appendLarge}, "history": {readSmall, readLarge},
	} {
		if m[1] > max(scaleFactor*m[0], scaleFloor) {
			t.Errorf("%s took %s in a small store and %s beside %d events", what, m[0], m[1], total)
		}
	}
	last := order(fmt.Sprintf("fill-%d", scaleStreams-1))
	events, err := s.History(ctx, last, int64(total/scaleStreams)-2, 10)
	check(t, err)
	equal(t, "events at the end of a long stream", len(events), 2)
}

// scaleStreams is how many streams the events are spread over.
const scaleStreams = 500

// fill appends events to many streams in turn, as a service would.
func fill(ctx context.Context, t *testing.T, s eventstore.Store, total int) {
	t.Helper()
	const streams, perUnit = 50, 100
	for from := 0; from < total; from += streams * perUnit {
		first := from / perUnit % scaleStreams
		ids := make([]eventstore.StreamID, streams)
		for i := range ids {
			ids[i] = order(fmt.Sprintf("fill-%d", first+i))
		}
		check(t, commit(ctx, s, func(loaded []eventstore.Stream) eventstore.Unit {
			var u eventstore.Unit
			for _, st := range loaded {
				c := growth(st, perUnit)
				c.Record = nil
				u.Changes = append(u.Changes, c)
			}
			return u
		}, ids...))
	}
}

// measure returns the medians of an append and of reading a short history.
func measure(ctx context.Context, t *testing.T, s eventstore.Store) (appending, reading time.Duration) {
	t.Helper()
	var appends, reads []time.Duration
	for i := range scaleSamples {
		started := time.Now()
		check(t, grow(ctx, s, order(fmt.Sprintf("probe-%d", i%10))))
		appends = append(appends, time.Since(started))
		started = time.Now()
		_, err := s.History(ctx, order("probe"), 0, 10)
		check(t, err)
		reads = append(reads, time.Since(started))
	}
	slices.Sort(appends)
	slices.Sort(reads)
	return appends[scaleSamples/2], reads[scaleSamples/2]
}
