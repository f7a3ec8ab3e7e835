package plan

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDraw_RepeatsWithItsSeed(t *testing.T) {
	cfg := Config{Faults: 60, Duration: 5 * time.Minute}
	if !reflect.DeepEqual(Draw(7, cfg), Draw(7, cfg)) {
		t.Error("one seed gave two schedules")
	}
	if reflect.DeepEqual(Draw(7, cfg).Faults, Draw(8, cfg).Faults) {
		t.Error("two seeds gave one schedule")
	}
}

// What a seed stands for must not change unnoticed: seeds are written down.
func TestDraw_SeedOneIsKnown(t *testing.T) {
	text := Draw(1, Config{Faults: 5, Duration: time.Minute}).String()
	if text != seedOne {
		t.Errorf("seed 1 stands for\n%s, was\n%s", text, seedOne)
	}
}

func TestDraw_HasEveryKindBeforeAnyTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Draw(rapid.Uint64().Draw(t, "seed"), Config{Faults: len(Kinds()), Duration: time.Minute})
		for _, k := range Kinds() {
			if n := occurrences(s, k); n != 1 {
				t.Fatalf("%s comes %d times:\n%s", k, n, s)
			}
		}
	})
}

func occurrences(s Schedule, k Kind) int {
	n := 0
	for _, f := range s.Faults {
		if f.Kind == k {
			n++
		}
	}
	return n
}

func TestDraw_HasEveryPairBeforeAnyTwice(t *testing.T) {
	pairs := 0
	for _, k := range Kinds() {
		pairs += len(k.Targets())
	}
	seen := make(map[pair]int)
	for _, f := range Draw(3, Config{Faults: pairs, Duration: time.Minute}).Faults {
		seen[pair{f.Kind, f.Target}]++
	}
	if len(seen) != pairs {
		t.Errorf("%d different pairs of %d", len(seen), pairs)
	}
}

func TestDraw_LeavesOutWhatCannotBeInjected(t *testing.T) {
	s := Draw(1, Config{Faults: 100, Duration: time.Minute, Without: []Kind{Clock, DiskFull}})
	if occurrences(s, Clock)+occurrences(s, DiskFull) > 0 || len(s.Faults) != 100 {
		t.Errorf("%s", s)
	}
	if none := Draw(1, Config{Faults: 3, Without: Kinds()}); len(none.Faults) > 0 {
		t.Errorf("%s", none)
	}
}

// Two brokers, or two databases, are never down by the schedule's will.
func TestDraw_FaultsOfOneLaneFollowEachOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{Faults: rapid.IntRange(0, 200).Draw(t, "faults"), Duration: time.Duration(rapid.IntRange(0, 600).Draw(t, "seconds")) * time.Second}
		s := Draw(rapid.Uint64().Draw(t, "seed"), cfg)
		if len(s.Faults) != cfg.Faults {
			t.Fatalf("%d faults of %d", len(s.Faults), cfg.Faults)
		}
		if !slices.IsSortedFunc(s.Faults, func(a, b Fault) int { return int(a.At - b.At) }) {
			t.Fatalf("not in the order of time:\n%s", s)
		}
		free := make(map[lane]time.Duration)
		for _, f := range s.Faults {
			if f.At < free[f.Target.lane()] {
				t.Fatalf("%s begins before %s:\n%s", f, free[f.Target.lane()], s)
			}
			free[f.Target.lane()] = f.At + f.For + settle
			if span := f.Kind.lasts(f.Target); f.For < span.least || f.For > span.most {
				t.Fatalf("%s lasts not between %s and %s", f, span.least, span.most)
			}
		}
	})
}

func TestDraw_FillsTheDurationWhereItFits(t *testing.T) {
	const want = 20 * time.Minute
	if got := Draw(5, Config{Faults: 40, Duration: want}).Length(); got < want/2 || got > want {
		t.Errorf("takes %s of %s", got, want)
	}
}

func TestTable_CountsWhatWasInjected(t *testing.T) {
	text := Table([]Injected{
		{Fault: Fault{Kind: Kill, Target: Order}}, {Fault: Fault{Kind: Kill, Target: Controller}}, {Fault: Fault{Kind: Kill, Target: StockLeader}},
		{Fault: Fault{Kind: Errors, Target: Gateway}, Err: errors.New("no answer")},
	}, "lost 0")
	for _, want := range []string{"| kill -9         |                 2 |                 1 |                 3 |", "3 faults injected, 1 could not be", "lost 0"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

const seedOne = `schedule of seed 1: 5 faults in 45 s
    9.2 s  restart          transaction coordinator of payment for  0.0 s
   19.4 s  delay            leader of orders                   for  3.8 s
   23.8 s  errors           gateway                            for 11.7 s
   37.0 s  leaders move     state topics                       for  1.9 s
   37.5 s  kill -9          group coordinator of inventory     for  7.4 s
`
