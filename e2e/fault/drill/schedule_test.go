//go:build e2e

package drill

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/fault/crowd"
	"github.com/murmuration-dev/murmuration/e2e/fault/plan"
)

// What a run without settings does: few faults, so that it fits into continuous
// integration. SEED, FAULTS, DURATION and RATE in the environment make longer ones:
// then there is one schedule, of that seed.
const (
	usualFaults   = 13 // every kind once
	usualDuration = 50 * time.Second
	usualRate     = 6 // customers a second: two cores run the whole platform
	// shoppers is how many customers there may be at once while parts are away: those
	// who come in the time that a part is away at most, and never fewer than some.
	shoppers    = 150
	shoppersFor = 12 * time.Second
	// restFor bounds how long a platform takes to come to rest: effects on a
	// gateway that failed are tried again after a minute at most.
	// Each order is then looked at in the topics, the stores and the answers.
	restFor      = 5 * time.Minute
	restForOrder = 10 * time.Millisecond
	// startFor bounds the start, with images to build.
	startFor = 8 * time.Minute
	// slack is what mending takes beyond a schedule's own times.
	slack = 10 * time.Minute
)

// fixedSeeds are run each time: between them they kill, freeze, cut off and restart
// each sort of part. A fresh one follows, and is printed.
var fixedSeeds = []uint64{3, 11}

// settings are those of the environment.
type settings struct {
	seeds    []uint64
	faults   int
	duration time.Duration
	rate     float64
}

func readSettings(t *testing.T) settings {
	t.Helper()
	s := settings{seeds: append(fixedSeeds[:len(fixedSeeds):len(fixedSeeds)], rand.Uint64()), faults: usualFaults, duration: usualDuration, rate: usualRate}
	read := func(name string, parse func(string) error) {
		if text := os.Getenv(name); text != "" {
			if err := parse(text); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	read("SEED", func(v string) error {
		seed, err := strconv.ParseUint(v, 10, 64)
		s.seeds = []uint64{seed}
		return err
	})
	read("FAULTS", func(v string) (err error) { s.faults, err = strconv.Atoi(v); return err })
	read("DURATION", func(v string) (err error) { s.duration, err = time.ParseDuration(v); return err })
	read("RATE", func(v string) (err error) { s.rate, err = strconv.ParseFloat(v, 64); return err })
	if os.Getenv("SEED") == "" && (os.Getenv("FAULTS") != "" || os.Getenv("DURATION") != "") {
		s.seeds = s.seeds[len(s.seeds)-1:] // a long run is one run
	}
	return s
}

// begin starts a platform that is removed after the test.
func begin(t *testing.T, orders int) *Drill {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startFor)
	defer cancel()
	d, err := Start(ctx, orders, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			d.keepLogs(t)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// keepLogs says where the logs of all containers are.
func (d *Drill) keepLogs(t *testing.T) {
	folder, err := d.stack.KeepLogs(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Error(err)
	}
	t.Logf("logs of all containers: %s", folder)
}

// judged waits for rest and fails if anything is wrong.
func (d *Drill) judged(t *testing.T) Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), restFor+time.Duration(d.orders)*restForOrder)
	defer cancel()
	report, err := d.Judge(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := report.Err(); err != nil {
		t.Error(err)
	}
	return report
}

// Customers come at a rate while a schedule of faults runs. Afterwards everything
// that was acknowledged is there, once and in order, every account balances, and no
// answer was contradicted.
func TestSchedule_LosesDoublesAndContradictsNothing(t *testing.T) {
	want := readSettings(t)
	without, why := Lacking()
	if why != nil {
		t.Logf("NOT INJECTED on this machine: %v: %v", without, why)
	}
	length := time.Duration(len(want.seeds)) * want.duration
	d := begin(t, int(length.Seconds()*want.rate)*2)
	for n, seed := range want.seeds {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			d.say = t.Logf
			s := plan.Draw(seed, plan.Config{Faults: want.faults, Duration: want.duration, Without: without})
			t.Logf("SEED=%d FAULTS=%d DURATION=%s RATE=%g repeats this schedule:\n%s", seed, want.faults, want.duration, want.rate, s)
			d.drill(t, s, crowd.Config{
				Seed: seed, Name: fmt.Sprintf("run%d", n), Rate: want.rate,
				Customers: max(shoppers, int(want.rate*shoppersFor.Seconds())),
				SKUs:      40, Units: max(200, int64(want.duration.Seconds()*want.rate/10)),
			})
		})
	}
}

// drill runs one schedule under load and judges.
func (d *Drill) drill(t *testing.T, s plan.Schedule, who crowd.Config) {
	ctx, cancel := context.WithTimeout(t.Context(), s.Length()+slack)
	defer cancel()
	customers, err := crowd.Gather(ctx, d.client, who)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	injected := d.Run(ctx, s)
	took := time.Since(begun)
	if err := customers.Leave(); err != nil {
		t.Errorf("answers that nobody should get: %v", err)
	}
	for _, i := range injected {
		if i.Err != nil {
			t.Errorf("%s could not be injected or mended: %s", i.Fault, brief(i.Err))
		}
	}
	rested := time.Now()
	report := d.judged(t)
	lines := append([]string{
		fmt.Sprintf("seed %d: %.0f s under load, %.0f s to rest and judge", s.Seed, took.Seconds(), time.Since(rested).Seconds()),
		fmt.Sprintf("load:    %d orders placed, %d customers turned away while too many waited", customers.Placed(), customers.TurnedAway()),
	}, report.Lines...)
	t.Logf("what was injected, and what came of it:\n%s", plan.Table(injected, lines...))
}
