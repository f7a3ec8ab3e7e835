package audit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/cmd/murmur/audit"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/schemas"
)

func TestCheck_PassesAConsistentPlatform(t *testing.T) {
	r := audit.Check(newWorld(t).Snapshot)
	if r.Verdict != audit.Consistent || len(failed(r)) > 0 {
		t.Fatalf("verdict %s, failed %v: %+v", r.Verdict, failed(r), r.Checks)
	}
	for _, c := range r.Checks {
		if c.Examined == 0 && c.ID != "parked" {
			t.Errorf("%s examined nothing", c.ID)
		}
		if len(c.Limits) > 0 {
			t.Errorf("%s does not claim everything: %v", c.ID, c.Limits)
		}
	}
	want := audit.Sum{Captured: 1900, Refunded: 300}
	if m := r.Money["GBP"]; m.Orders != want || m.Payments != want || m.Gateway == nil || *m.Gateway != want {
		t.Errorf("money is %+v, want %+v everywhere", m, want)
	}
}

func TestCheck_PassesAnEmptyPlatform(t *testing.T) {
	if r := audit.Check(audit.Snapshot{Settled: true}); r.Verdict != audit.Consistent {
		t.Fatalf("verdict %s: %+v", r.Verdict, r.Checks)
	}
}

func TestCheck_NamesEachDefect(t *testing.T) {
	for _, d := range defects {
		t.Run(d.name, func(t *testing.T) {
			w := newWorld(t)
			d.plant(w)
			r := audit.Check(w.Snapshot)
			if r.Verdict != audit.Inconsistent || r.Findings == 0 {
				t.Fatalf("verdict is %s with %d findings", r.Verdict, r.Findings)
			}
			found := result(t, r, d.check)
			if !slices.ContainsFunc(found.List, func(f audit.Finding) bool { return strings.Contains(f.String(), d.says) }) {
				t.Errorf("%s does not say %q: %v", d.check, d.says, found.List)
			}
			for _, id := range failed(r) {
				if id != d.check && !slices.Contains(d.also, id) {
					t.Errorf("%s fails as well: %v", id, result(t, r, id).List)
				}
			}
		})
	}
}

// TestCheck_HasADefectForEachCheck keeps the table complete.
func TestCheck_HasADefectForEachCheck(t *testing.T) {
	for _, c := range audit.Check(audit.Snapshot{}).Checks {
		planted := slices.ContainsFunc(defects, func(d defect) bool { return d.check == c.ID })
		if !planted && c.ID != "parked" {
			t.Errorf("no test makes %s fail", c.ID)
		}
	}
}

func TestCheck_WarnsOfWhatIsParked(t *testing.T) {
	w := newWorld(t)
	s := w.Services[schemas.PaymentService]
	s.Parked = []eventstore.Parked{{ParkedKey: eventstore.ParkedKey{Topic: schemas.Orders, Key: "good"}, Partition: 2, Offset: 9, Reason: "not framed"}}
	s.ParkedIntents = []eventstore.Intent{{Key: "back/refund/0-300", Stream: eventstore.StreamID{Kind: "payment", ID: "back"}, Attempts: 100, LastError: "no"}}
	r := audit.Check(w.Snapshot)
	if c := result(t, r, "parked"); c.State != audit.Warn || c.Count != 2 {
		t.Errorf("parked is %s with %v", c.State, c.List)
	}
	if r.Verdict != audit.Consistent {
		t.Errorf("verdict is %s: settled orders need nothing that is parked: %v", r.Verdict, failed(r))
	}
}

func TestCheck_ClaimsNoCountBelowAHole(t *testing.T) {
	w := newWorld(t)
	drop(w, schemas.Orders, "good", 0)
	log := w.Topics[schemas.Orders]
	log.Hole[log.Keys["good"].Partition] = 0
	r := audit.Check(w.Snapshot)
	c := result(t, r, "log-once")
	if c.State != audit.OK || len(c.Limits) != 1 || !strings.Contains(c.Limits[0], "compaction took 1 record") {
		t.Errorf("log-once is %s, with limits %v and findings %v", c.State, c.Limits, c.List)
	}
}

// A hole excuses only what stood before all other records of the key.
func TestCheck_NeverTakesAGapForCompaction(t *testing.T) {
	w := newWorld(t)
	drop(w, schemas.Orders, "good", 1)
	log := w.Topics[schemas.Orders]
	log.Hole[log.Keys["good"].Partition] = 0
	if c := result(t, audit.Check(w.Snapshot), "log-once"); c.State != audit.Fail {
		t.Errorf("log-once is %s, with limits %v", c.State, c.Limits)
	}
}

// live turns the world into one that moves.
func live(w *world) {
	w.Settled = false
	w.InFlight = []audit.InFlight{{Service: schemas.PaymentService, What: "intent", Subject: "x", Count: 1, Since: noon}}
}

func TestCheck_SparesAnOrderInFlight(t *testing.T) {
	for name, move := range map[string]func(*world){
		"payment has not seen the order": func(w *world) { w.Payments["none"].Seen.Order = 1 },
		"gateway is asked":               func(w *world) { w.Payments["none"].Asked = "VOID" },
		"intent is pending": func(w *world) {
			w.Services[schemas.PaymentService].Pending = []eventstore.Intent{{Key: "none/void/0-100", Stream: eventstore.StreamID{Kind: "payment", ID: "none"}}}
		},
		"ledger moved": func(w *world) { w.Moving = map[string]bool{"none": true} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			live(w)
			w.Gateway["none"][0].Held = 100 // not voided yet
			move(w)
			r := audit.Check(w.Snapshot)
			if r.Verdict != audit.Unsettled || r.Unjudged != 1 {
				t.Errorf("verdict is %s with %d orders not judged: %v", r.Verdict, r.Unjudged, failed(r))
			}
		})
	}
}

func TestCheck_JudgesOrdersAtRestWhileOthersMove(t *testing.T) {
	w := newWorld(t)
	live(w)
	w.Payments["good"].Seen.Order = 2
	w.Gateway["none"][0].Held = 100
	r := audit.Check(w.Snapshot)
	if r.Verdict != audit.Inconsistent || !slices.Equal(failed(r), []string{"holds"}) {
		t.Errorf("verdict is %s, failed are %v", r.Verdict, failed(r))
	}
}

func TestCheck_WaitsForTheDeadlineOfAnOrder(t *testing.T) {
	w := newWorld(t)
	live(w)
	stay(w, "none", schemas.OrderPlaced)
	w.Topics[schemas.Orders].Keys["none"].Last = *w.Orders["none"].Record
	w.Services[schemas.OrderService].Pending = []eventstore.Intent{{
		Key: "none/expire", Kind: "expire", Stream: eventstore.StreamID{Kind: "order", ID: "none"}, Due: noon.Add(2 * time.Hour).UnixMicro(),
	}}
	if r := audit.Check(w.Snapshot); r.Verdict != audit.Unsettled {
		t.Errorf("verdict is %s, failed are %v", r.Verdict, failed(r))
	}
}

func TestCheck_DoesNotCountWhatTheLogHadNotYet(t *testing.T) {
	w := newWorld(t)
	live(w)
	drop(w, schemas.Orders, "good", 2)
	w.Payments["good"].Seen.Order = 2
	c := result(t, audit.Check(w.Snapshot), "log-once")
	if c.State != audit.OK || len(c.Limits) != 1 {
		t.Errorf("log-once is %s, with limits %v and findings %v", c.State, c.Limits, c.List)
	}
}

// A relay that works is ahead of what was read of its log before, and the log is
// one batch ahead of the database.
func TestCheck_SparesARelayAtWork(t *testing.T) {
	for name, move := range map[string]func(*audit.Service){
		"first batch":  func(s *audit.Service) { s.Last = nil },
		"more batches": func(s *audit.Service) { s.Relay.Batch = 9 },
		"deleting":     func(s *audit.Service) { s.Last.Batch = 5 },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			live(w)
			move(w.Services[schemas.OrderService])
			if c := result(t, audit.Check(w.Snapshot), "positions"); c.State != audit.OK {
				t.Errorf("positions is %s: %v", c.State, c.List)
			}
		})
	}
}

func TestReport_BoundsItsLists(t *testing.T) {
	w := newWorld(t)
	live(w)
	const many = 5000
	for i := range many {
		w.add(schemas.StockLevels, fmt.Sprintf("ghost-%d", i), 1, schemas.Stock{SKU: fmt.Sprintf("ghost-%d", i), Version: 1})
		w.InFlight = append(w.InFlight, audit.InFlight{Service: schemas.OrderService, What: "intent", Count: 1})
	}
	r := audit.Check(w.Snapshot)
	if c := result(t, r, "log-once"); c.Count != many || len(c.List) != 1000 || r.Findings != many {
		t.Errorf("%d findings in all, %d of log-once, of which %d are listed", r.Findings, c.Count, len(c.List))
	}
	if r.InFlightCount != many+1 || len(r.InFlight) != 1000 {
		t.Errorf("%d in flight, of which %d are listed", r.InFlightCount, len(r.InFlight))
	}
	var out strings.Builder
	if err := r.Print(&out); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n > 100 {
		t.Errorf("%d lines are for nobody", n)
	}
}

func TestCheck_WorksWithoutAGateway(t *testing.T) {
	w := newWorld(t)
	w.Gateway = nil
	r := audit.Check(w.Snapshot)
	if r.Verdict != audit.Consistent || len(result(t, r, "double-charge").Limits) == 0 {
		t.Errorf("verdict is %s, failed are %v; without a ledger there is no claim about charges", r.Verdict, failed(r))
	}
}

func TestReport_PrintsEachCheckAndTheVerdict(t *testing.T) {
	w := newWorld(t)
	w.Gateway["none"][0].Held = 100
	live(w)
	r := audit.Check(w.Snapshot)
	var out strings.Builder
	if err := r.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Checks {
		if !strings.Contains(out.String(), c.Statement) {
			t.Errorf("the statement of %s is missing", c.ID)
		}
	}
	for _, want := range []string{"FAIL 1  holds", "order none: 100 GBP held by pi_none", "intent of payment: 1 x, 1h0m0s old", "audit: INCONSISTENT (1 finding)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}
