package audit

import "time"

// Verdicts of a report.
const (
	// Consistent: all checks passed on one cut.
	Consistent = "consistent"
	// Inconsistent: at least one finding. What is in flight is never a finding.
	Inconsistent = "inconsistent"
	// Unsettled: no finding, but something was in flight, of which nothing can be
	// claimed. Ask again.
	Unsettled = "unsettled"
)

// States of a check.
const (
	OK   = "ok"
	Fail = "FAIL"
	// Warn is a finding that a person should look at and that contradicts nothing.
	Warn = "warn"
)

// Report is the outcome of an audit; its JSON form is a contract with programs.
type Report struct {
	Verdict string    `json:"verdict"`
	At      time.Time `json:"at"`
	// Settled says that all was judged on one cut.
	Settled bool   `json:"settled"`
	Counts  Counts `json:"counts"`
	// Findings counts those of failed checks.
	Findings int           `json:"findings"`
	Checks   []CheckResult `json:"checks"`
	// Money by currency, of the orders that were judged and are finished.
	Money map[string]Money `json:"money,omitempty"`
	// InFlightCount is how much was under way, InFlight the oldest of it, and
	// Unjudged how many orders were not judged because of it.
	InFlightCount int        `json:"in_flight_count,omitempty"`
	InFlight      []InFlight `json:"in_flight,omitempty"`
	Unjudged      int        `json:"unjudged,omitempty"`
}

// Counts are how much was looked at.
type Counts struct {
	Orders          int   `json:"orders"`
	SKUs            int   `json:"skus"`
	Streams         int   `json:"streams"`
	Records         int64 `json:"records"`
	GatewayPayments int   `json:"gateway_payments"`
}

// CheckResult is the outcome of one check.
type CheckResult struct {
	// ID names the check, for programs; Statement is what holds when it passes.
	ID        string `json:"id"`
	Statement string `json:"statement"`
	State     string `json:"state"`
	// Examined is how many things the check looked at; Of says what they are.
	Examined int64  `json:"examined"`
	Of       string `json:"of"`
	// Count is how many findings there are; List holds the first of them.
	Count int       `json:"count"`
	List  []Finding `json:"list,omitempty"`
	// Limits say what the check cannot claim this time.
	Limits []string `json:"limits,omitempty"`
}

// Finding is one exception.
type Finding struct {
	// Subject is what it is about: "orders o-1", "service payment", "order o-1".
	Subject string `json:"subject"`
	// Topic, Partition and Offset are set for a record in a log.
	Topic     string `json:"topic,omitempty"`
	Partition *int32 `json:"partition,omitempty"`
	Offset    *int64 `json:"offset,omitempty"`
	// Version is that of a stream, 0 where none is meant.
	Version int64  `json:"version,omitempty"`
	Detail  string `json:"detail"`
}

// Money is one currency in minor units, as three parties know it. Orders counts
// the totals of completed orders as captured and what their returns made due as
// refunded.
type Money struct {
	Gateway  *Sum `json:"gateway,omitempty"`
	Payments Sum  `json:"payments"`
	Orders   Sum  `json:"orders"`
}

// Sum is money taken and given back, in minor units.
type Sum struct {
	Captured int64 `json:"captured"`
	Refunded int64 `json:"refunded"`
}

// Bounds of what a report lists, of all that it counts: findings per check, and
// what is in flight. A person needs a few, and a program the number.
const (
	maxFindings = 1000
	maxInFlight = 1000
)

// tally collects the outcome of one check.
type tally struct{ result CheckResult }

func (t *tally) found(f Finding) {
	t.result.Count++
	if len(t.result.List) < maxFindings {
		t.result.List = append(t.result.List, f)
	}
}

func (t *tally) limit(text string) { t.result.Limits = append(t.result.Limits, text) }

func (t *tally) examined(n int) { t.result.Examined += int64(n) }
