package outbox

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

func TestConfig_ReportsAllFaultsAtOnce(t *testing.T) {
	err := Config{
		BatchRows: -1, BatchBytes: 1, PollInterval: time.Nanosecond, LeaseTTL: time.Hour, RenewEvery: 2 * time.Hour,
		StepDownAfter: time.Second, DeletionWait: time.Minute, DrainTimeout: time.Hour, MeasureEvery: time.Nanosecond,
	}.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, name := range []string{
		"Relay", "PositionsTopic", "Owner", "BatchRows", "BatchBytes", "PollInterval", "LeaseTTL",
		"RenewEvery", "StepDownAfter", "DeletionWait", "DrainTimeout", "MeasureEvery",
	} {
		if !strings.Contains(err.Error(), name+" ") {
			t.Errorf("no word about %s in:\n%v", name, err)
		}
	}
}

func TestConfig_DefaultsAreValid(t *testing.T) {
	for _, ttl := range []time.Duration{0, 100 * time.Millisecond, time.Minute} {
		if err := (Config{Relay: "r", PositionsTopic: "p", Owner: "o", LeaseTTL: ttl}).Validate(); err != nil {
			t.Errorf("LeaseTTL %s: %v", ttl, err)
		}
	}
}

func TestNew_RefusesMissingDependencies(t *testing.T) {
	if _, err := New(testConfig("x"), Deps{}); err == nil {
		t.Fatal("accepted")
	}
}

func TestNew_RefusesASecondRelayOfOneNameInOneRegistry(t *testing.T) {
	w := newWorld(t)
	deps := (&process{world: w}).deps()
	deps.Metrics = prometheus.NewRegistry()
	if _, err := New(testConfig("x"), deps); err != nil {
		t.Fatal(err)
	}
	if _, err := New(testConfig("y"), deps); err == nil {
		t.Fatal("accepted")
	}
}

func TestRelay_Measures(t *testing.T) {
	scenario(t, func(w *world) {
		w.commit("a", "b", "c")
		p := w.start("only")
		w.grant(w.until("commit"), unheard)
		w.drain()
		w.commit("d")
		w.until("produce")
		w.pass(12*time.Second, w.until("produce"))

		m := p.relay.metrics
		for name, c := range map[string]struct {
			metric prometheus.Collector
			want   float64
		}{
			"batches":  {m.batches, 1}, // the first one's outcome was found by recovery
			"rows":     {m.rows, 1},
			"reinits":  {m.reinits, 1},
			"fencings": {m.fencings, 0},
			"leader":   {m.leader, 1},
			"backlog":  {m.backlog, 1},
		} {
			if got := testutil.ToFloat64(c.metric); got != c.want {
				t.Errorf("%s is %v, not %v", name, got, c.want)
			}
		}
		if s := p.relay.Status(); !s.Leader || s.Batch != 2 || s.Backlog != 1 || s.PublishedAt.IsZero() || s.LastError != nil {
			t.Errorf("%+v", s)
		}
		if age := p.relay.Status().BacklogAge; age < 7*time.Second || age > 12*time.Second {
			t.Errorf("backlog age is %s", age)
		}
		w.drain()
	})
}

// A batch ends at its bounds, and a record above them goes alone.
func TestAssemble_KeepsTheBounds(t *testing.T) {
	row := func(id string, bytes int) eventstore.OutboxRow {
		return eventstore.OutboxRow{
			RowID:  eventstore.RowID{Stream: eventstore.StreamID{Kind: "k", ID: id}, Version: 1},
			Record: eventstore.Record{Value: make([]byte, bytes)},
		}
	}
	long := strings.Repeat("x", maxNameBytes/2)
	for name, c := range map[string]struct {
		rows []eventstore.OutboxRow
		want int
	}{
		"rows":         {[]eventstore.OutboxRow{row("a", 1), row("b", 1), row("c", 1), row("d", 1)}, 3},
		"bytes":        {[]eventstore.OutboxRow{row("a", 60_000), row("b", 1), row("c", 60_000)}, 2},
		"large record": {[]eventstore.OutboxRow{row("a", 90_000), row("b", 1)}, 1},
		"long names":   {[]eventstore.OutboxRow{row(long, 1), row(long, 1)}, 1},
		"nothing":      {nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := &session{Relay: &Relay{cfg: Config{BatchRows: 3, BatchBytes: 64 << 10}}}
			if got := len(s.assemble(c.rows).names); got != c.want {
				t.Fatalf("%d rows, not %d", got, c.want)
			}
		})
	}
}
