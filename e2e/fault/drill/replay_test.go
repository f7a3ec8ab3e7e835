//go:build e2e

package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/fault/plan"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

// Real orders are sent at a rate at which their faults meet them. ORDERS in the
// environment names other files, separated by commas, and RATE, FAULTS and DURATION
// mean what they mean for schedules.
const (
	sampleOrders   = "../../../cmd/murmur/replay/data/2010-12-01.csv.gz"
	ordersASecond  = 4
	replayFaults   = 12
	replayDuration = 35 * time.Second
	replaySeed     = 20101201
	// replayPatience is how long a replay waits for a platform that is broken.
	replayPatience = "5m"
)

// killsOnly is everything else.
func killsOnly() []plan.Kind {
	return slices.DeleteFunc(plan.Kinds(), func(k plan.Kind) bool { return k == plan.Kill })
}

// A day of real orders goes through while services, brokers and databases are
// killed; a second replay finds nothing left to do.
func TestReplay_RealOrdersSurviveKills(t *testing.T) {
	s := readSettings(t)
	files := strings.Split(sampleOrders, ",")
	if text := os.Getenv("ORDERS"); text != "" {
		files = strings.Split(text, ",")
	} else {
		s.rate, s.faults, s.duration = ordersASecond, replayFaults, replayDuration
	}
	binary, err := stack.BuildMurmur(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := begin(t, int(s.duration.Seconds()*s.rate)*10) // these orders have many lines
	ctx, cancel := context.WithTimeout(t.Context(), s.duration+slack)
	defer cancel()
	done := make(chan stack.Output, 1)
	go func() {
		out, err := d.replay(ctx, t, binary, s.rate, files)
		if err != nil {
			t.Error(err)
		}
		done <- out
	}()
	schedule := plan.Draw(replaySeed, plan.Config{Faults: s.faults, Duration: s.duration, Without: killsOnly()})
	injected := d.Run(ctx, schedule)
	for _, i := range injected {
		if i.Err != nil {
			t.Errorf("%s could not be injected or mended: %s", i.Fault, brief(i.Err))
		}
	}
	first := <-done
	sent := ordersOf(t, first)
	report := d.judged(t)
	t.Logf("what was injected, and what came of it:\n%s", plan.Table(injected, append([]string{fmt.Sprintf("replay:  %d real orders", sent)}, report.Lines...)...))

	again, err := d.replay(ctx, t, binary, 0, files)
	if err != nil {
		t.Fatal(err)
	}
	if n := ordersOf(t, again); n != sent {
		t.Errorf("the second replay accounts for %d orders, the first for %d", n, sent)
	}
	if after := d.judged(t); after.Records != report.Records || after.Orders != sent {
		t.Errorf("%d records and %d orders after a second replay, before %d and %d", after.Records, after.Orders, report.Records, sent)
	}
}

func (d *Drill) replay(ctx context.Context, t *testing.T, binary string, rate float64, files []string) (stack.Output, error) {
	at := d.stack.Addresses()
	args := []string{
		"replay", "--order", at.Order.Replicas[0].API, "--inventory", at.Inventory.Replicas[0].API,
		"--rate", fmt.Sprint(rate), "--patience", replayPatience, "--output", "json", "--report", t.TempDir() + "/report.json",
	}
	return stack.Command(ctx, binary, append(args, files...)...)
}

// ordersOf is how many orders a replay accounts for, which must have succeeded.
func ordersOf(t *testing.T, out stack.Output) int {
	t.Helper()
	var said struct {
		Orders int `json:"orders"`
	}
	if out.Code != 0 {
		t.Fatalf("replay: %s", out)
	}
	if err := json.Unmarshal([]byte(out.Stdout), &said); err != nil {
		t.Fatalf("%v in %q", err, out.Stdout)
	}
	if said.Orders == 0 {
		t.Fatal("replay sent no order")
	}
	return said.Orders
}
