package audit

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Bounds of what is printed for people; the JSON form lists more.
const (
	printedFindings = 20
	printedInFlight = 10
)

// Print writes the report for people.
func (r Report) Print(out io.Writer) error {
	p := &printer{out: out}
	p.f("%s, %s, %d streams, %d records, %s\n\n", plural(r.Counts.Orders, "order"), plural(r.Counts.SKUs, "SKU"),
		r.Counts.Streams, r.Counts.Records, plural(r.Counts.GatewayPayments, "gateway payment"))
	p.table(r.Checks)
	for _, c := range r.Checks {
		p.details(c)
	}
	p.limits(r.Checks)
	p.money(r)
	p.inFlight(r)
	p.f("\naudit: %s\n", r.Summary())
	return p.err
}

// Summary is the verdict in one line.
func (r Report) Summary() string {
	switch r.Verdict {
	case Inconsistent:
		return fmt.Sprintf("INCONSISTENT (%s)", plural(r.Findings, "finding"))
	case Unsettled:
		return fmt.Sprintf("unsettled: nothing inconsistent was found, but there is no claim about what is in flight (%d), and so none about the whole", r.InFlightCount)
	}
	return "consistent"
}

// printer keeps the first error.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) f(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format, args...)
	}
}

func (p *printer) table(checks []CheckResult) {
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	cells := &printer{out: w}
	for _, c := range checks {
		state := c.State
		if c.Count > 0 {
			state = fmt.Sprintf("%s %d", c.State, c.Count)
		}
		cells.f("%s\t%s\t%d %s\t%s\n", state, c.ID, c.Examined, c.Of, c.Statement)
	}
	p.err = cmp.Or(p.err, cells.err, w.Flush())
}

func (p *printer) details(c CheckResult) {
	if c.Count > 0 {
		p.f("\n%s: %s\n", c.ID, c.Statement)
	}
	for _, f := range c.List[:min(len(c.List), printedFindings)] {
		p.f("  %s\n", f)
	}
	if more := c.Count - printedFindings; more > 0 {
		p.f("  … and %d more; --output json lists up to %d\n", more, maxFindings)
	}
}

// limits lists what is not claimed, once for all checks that say the same.
func (p *printer) limits(checks []CheckResult) {
	var order []string
	by := map[string][]string{}
	for _, c := range checks {
		for _, l := range c.Limits {
			if by[l] == nil {
				order = append(order, l)
			}
			by[l] = append(by[l], c.ID)
		}
	}
	if len(order) > 0 {
		p.f("\nnot claimed:\n")
	}
	for _, l := range order {
		p.f("  %s: %s\n", strings.Join(by[l], ", "), l)
	}
}

// String is the finding for people, with its place where it has one.
func (f Finding) String() string {
	var place []string
	if f.Topic != "" {
		at := f.Topic
		if f.Partition != nil {
			at += fmt.Sprintf("/%d", *f.Partition)
		}
		if f.Offset != nil {
			at += fmt.Sprintf("@%d", *f.Offset)
		}
		place = append(place, at)
	}
	if f.Version > 0 {
		place = append(place, fmt.Sprintf("version %d", f.Version))
	}
	if len(place) == 0 {
		return f.Subject + ": " + f.Detail
	}
	return fmt.Sprintf("%s (%s): %s", f.Subject, strings.Join(place, ", "), f.Detail)
}

func (p *printer) money(r Report) {
	if len(r.Money) == 0 {
		return
	}
	p.f("\nmoney, in minor units: taken, given back, kept\n")
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	cells := &printer{out: w}
	row := func(currency, who string, s Sum) {
		cells.f("%s\t%s\t%d\t%d\t%d\t\n", currency, who, s.Captured, s.Refunded, s.Captured-s.Refunded)
	}
	for currency := range sortedKeys(r.Money) {
		m := r.Money[currency]
		if m.Gateway != nil {
			row(currency, "gateway", *m.Gateway)
		}
		row(currency, "payments", m.Payments)
		row(currency, "orders", m.Orders)
	}
	p.err = cmp.Or(p.err, cells.err, w.Flush())
}

func (p *printer) inFlight(r Report) {
	if len(r.InFlight) == 0 {
		return
	}
	p.f("\nin flight, oldest first:\n")
	for _, f := range r.InFlight[:min(len(r.InFlight), printedInFlight)] {
		age := "of unknown age"
		if !f.Since.IsZero() {
			age = fmt.Sprintf("%s old", max(0, r.At.Sub(f.Since)).Round(time.Millisecond))
		}
		p.f("  %s of %s: %d %s, %s %s\n", f.What, f.Service, f.Count, f.Subject, age, f.Detail)
	}
	if more := r.InFlightCount - printedInFlight; more > 0 {
		p.f("  … and %d more\n", more)
	}
	p.f("%s not judged because of it\n", plural(r.Unjudged, "order"))
}
