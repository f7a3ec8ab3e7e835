package audit

import (
	"fmt"
	"slices"
)

// Ids of the checks.
const (
	checkTopics      = "topics"
	checkLogOnce     = "log-once"
	checkLogPlace    = "log-place"
	checkLogOrder    = "log-order"
	checkLogHeads    = "log-heads"
	checkStateRows   = "state-rows"
	checkPositions   = "positions"
	checkStock       = "stock"
	checkStockLog    = "stock-log"
	checkMoneyTotals = "money-totals"
	checkMoneyOrders = "money-orders"
	checkCharge      = "double-charge"
	checkHolds       = "holds"
	checkEnds        = "ends"
	checkAgreement   = "agreement"
	checkParked      = "parked"
)

// a check looks at one snapshot and tallies what contradicts its statement.
type check struct {
	id, statement, of string
	run               func(*auditor, *tally)
}

var checks = []check{
	{checkTopics, "Topics are as declared: partitions and compaction", "topics", (*auditor).topics},
	{checkLogOnce, "Every published version is in its topic exactly once, and nothing else is", "records", (*auditor).logOnce},
	{checkLogPlace, "Every record is readable, in its key's partition, and says one version and one key", "records", (*auditor).logPlace},
	{checkLogOrder, "The versions of a key ascend in log order", "keys", (*auditor).logOrder},
	{checkLogHeads, "The last record of a key says what the events say, field by field", "keys", (*auditor).logHeads},
	{checkStateRows, "Every state row is what its events give, byte for byte", "streams", (*auditor).stateRows},
	{checkPositions, "Positions are possible: within the log, of this topic; relay and log agree on the last batch", "positions", (*auditor).positions},
	{checkStock, "Stock is conserved and never oversold: movements, reservations and levels add up", "SKUs", (*auditor).stock},
	{checkStockLog, "No record of a stock level was ever impossible or negative", "records", (*auditor).stockLog},
	{checkMoneyTotals, "The gateway's ledger = the payments = completed orders minus returns, per currency", "currencies", (*auditor).moneyTotals},
	{checkMoneyOrders, "Each order took its total, gave back what is due, or took nothing", "orders", (*auditor).moneyOrders},
	{checkCharge, "No order was charged twice", "gateway payments", (*auditor).charges},
	{checkHolds, "No money is held for an order that is over or unknown", "gateway payments", (*auditor).holds},
	{checkEnds, "Every order is settled or has a way to an end", "orders", (*auditor).ends},
	{checkAgreement, "Order, payment and reservation agree with each other", "orders", (*auditor).agreement},
	{checkParked, "Nothing is set aside for a person", "parked", (*auditor).parked},
}

// auditor is a snapshot on its way to a report.
type auditor struct {
	Snapshot
	sides    []side
	cases    []*orderCase
	unjudged int
	money    map[string]Money
}

// Check judges a snapshot. It is pure, and works on a snapshot of which only
// some maps are filled: what is absent is empty.
func Check(s Snapshot) Report {
	a := &auditor{Snapshot: s, sides: sidesOf(s), cases: casesOf(s), money: map[string]Money{}}
	for _, c := range a.cases {
		if c.exists() && !c.judged {
			a.unjudged++
		}
	}
	oldest := slices.SortedStableFunc(slices.Values(s.InFlight), func(a, b InFlight) int { return a.Since.Compare(b.Since) })
	r := Report{
		Verdict: Consistent, At: s.At, Settled: s.Settled, Counts: a.counts(), Unjudged: a.unjudged,
		InFlightCount: len(oldest), InFlight: oldest[:min(len(oldest), maxInFlight)],
	}
	for _, c := range checks {
		t := &tally{CheckResult{ID: c.id, Statement: c.statement, Of: c.of, State: OK}}
		c.run(a, t)
		if t.result.Count > 0 {
			t.result.State = Fail
			if c.id == checkParked {
				t.result.State = Warn
			} else {
				r.Findings += t.result.Count
			}
		}
		r.Checks = append(r.Checks, t.result)
	}
	r.Money = a.money
	switch {
	case r.Findings > 0:
		r.Verdict = Inconsistent
	case !s.Settled:
		r.Verdict = Unsettled
	}
	return r
}

func (a *auditor) counts() Counts {
	n := Counts{Orders: len(a.Orders), SKUs: len(a.Stock)}
	n.Streams = len(a.Orders) + len(a.Payments) + len(a.Reservations) + len(a.Stock)
	for _, log := range a.Topics {
		n.Records += log.Records
	}
	for _, entries := range a.Gateway {
		n.GatewayPayments += len(entries)
	}
	return n
}

// sparing notes that orders were left out because they are in flight.
func (a *auditor) sparing(t *tally) {
	if a.unjudged > 0 {
		t.limit(fmt.Sprintf("%s in flight not judged", plural(a.unjudged, "order")))
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
