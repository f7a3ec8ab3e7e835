//go:build e2e

package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/murmuration-dev/murmuration/e2e/bench/floor"
	"github.com/murmuration-dev/murmuration/e2e/bench/quantile"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

// report is everything that was measured.
type report struct {
	cfg    config
	rest   rest
	rounds []round
	peak   memory
}

// row is one line of the table: a figure of each round, and the floor that it is
// held against, if any.
type row struct {
	name  string
	of    func(round) float64
	floor func(round) float64
	than  string // what the floor is
}

func (r report) write(out io.Writer) error {
	fmt.Fprintf(out, "medians of %d rounds, in brackets the lowest and the highest; × is the median ratio to the floor, which is the mean of the two around a round\n\n", len(r.rounds))
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	r.section(t, "FLOOR", floorRows())
	r.section(t, "ORDERS", r.orderRows())
	r.section(t, fmt.Sprintf("HOPS at %g/s, ms: commit → visible in the topic → commit of the next", r.cfg.rate), r.hopRows())
	r.section(t, fmt.Sprintf("AN ORDER COSTS at %g/s", r.cfg.rate), costRows())
	r.memories(t)
	return t.Flush()
}

func (r report) section(out io.Writer, title string, rows []row) {
	fmt.Fprintf(out, "%s\t\t\t\n", title)
	for _, line := range rows {
		var values, ratios []float64
		for _, round := range r.rounds {
			values = append(values, line.of(round))
			if line.floor != nil {
				ratios = append(ratios, line.of(round)/line.floor(round))
			}
		}
		ratio := ""
		if line.floor != nil {
			ratio = fmt.Sprintf("× %s of %s", figure(quantile.Median(ratios)), line.than)
		}
		fmt.Fprintf(out, "  %s\t%s\t[%s … %s]\t%s\n", line.name,
			figure(quantile.Median(values)), figure(slices.Min(values)), figure(slices.Max(values)), ratio)
	}
	fmt.Fprintln(out, "\t\t\t")
}

// figure has three digits or so.
func figure(v float64) string {
	switch {
	case v >= 100 || v <= -100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10 || v <= -10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func floorRows() []row {
	return []row{
		{name: "record acks=all, one at a time, p50 ms", of: func(r round) float64 { return r.floor.Produce.P50 }},
		{name: "record acks=all, one at a time, p99 ms", of: func(r round) float64 { return r.floor.Produce.P99 }},
		{name: "record acks=all, one at a time, per s", of: func(r round) float64 { return r.floor.Produce.PerSecond }},
		{name: "record acks=all, pipelined, per s", of: func(r round) float64 { return r.floor.Pipelined }},
		{name: "row, bare INSERT, p50 ms", of: func(r round) float64 { return r.floor.Insert.P50 }},
		{name: "row, bare INSERT, p99 ms", of: func(r round) float64 { return r.floor.Insert.P99 }},
		{name: "row, bare INSERT, one connection, per s", of: func(r round) float64 { return r.floor.Insert.PerSecond }},
		{name: fmt.Sprintf("row, bare INSERT, %d connections, per s", floor.Writers), of: func(r round) float64 { return r.floor.Shared }},
	}
}

func recordAndRow50(r round) float64 { return r.floor.Produce.P50 + r.floor.Insert.P50 }
func recordAndRow99(r round) float64 { return r.floor.Produce.P99 + r.floor.Insert.P99 }

func (r report) orderRows() []row {
	perSecond := func(r round) float64 { return r.burst.perSecond }
	rows := []row{
		{fmt.Sprintf("%d at once: COMPLETED per s", r.cfg.burst), perSecond, func(r round) float64 { return r.floor.Produce.PerSecond }, "records one at a time"},
		{"", perSecond, func(r round) float64 { return r.floor.Pipelined }, "records pipelined"},
		{"", perSecond, func(r round) float64 { return r.floor.Insert.PerSecond }, "rows over one connection"},
		{"", perSecond, func(r round) float64 { return r.floor.Shared }, fmt.Sprintf("rows over %d connections", floor.Writers)},
	}
	at50 := func(what string, share float64, of func(round) float64, floor func(round) float64, than string) {
		rows = append(rows, row{fmt.Sprintf("%g/s: %s, p%g ms", r.cfg.rate, what, share*100), of, floor, than})
	}
	for _, share := range []float64{0.5, 0.9, 0.99} {
		floor, than := recordAndRow50, "record + row, p50"
		if share > 0.9 {
			floor, than = recordAndRow99, "record + row, p99"
		}
		at50("acknowledged to COMPLETED", share, func(r round) float64 { return at(r.paced.toCompleted, share) }, floor, than)
	}
	for _, share := range []float64{0.5, 0.99} {
		floor, than := func(r round) float64 { return r.floor.Insert.P50 }, "row, p50"
		if share > 0.9 {
			floor, than = func(r round) float64 { return r.floor.Insert.P99 }, "row, p99"
		}
		at50("due to acknowledged", share, func(r round) float64 { return at(r.paced.accept, share) }, floor, than)
	}
	at50("due to COMPLETED", 0.99, func(r round) float64 { return at(r.paced.sinceDue, 0.99) }, recordAndRow99, "record + row, p99")
	return rows
}

func (r report) hopRows() []row {
	var rows []row
	for _, ends := range [][2]string{
		{stack.Order, stack.Payment}, {stack.Order, stack.Inventory}, {stack.Payment, stack.Order}, {stack.Inventory, stack.Order},
	} {
		from, to := ends[0], ends[1]
		name := from + " → " + to
		rows = append(rows,
			row{name + ": whole, p50", func(r round) float64 { return at(r.paced.hop(from, to).Whole, 0.5) }, recordAndRow50, "record + row, p50"},
			row{name + ": whole, p99", func(r round) float64 { return at(r.paced.hop(from, to).Whole, 0.99) }, recordAndRow99, "record + row, p99"},
			row{name + ": commit → visible, p50", func(r round) float64 { return at(r.paced.hop(from, to).Visible, 0.5) }, func(r round) float64 { return r.floor.Produce.P50 }, "record, p50"},
			row{name + ": visible → commit, p50", func(r round) float64 { return at(r.paced.hop(from, to).Handled, 0.5) }, func(r round) float64 { return r.floor.Insert.P50 }, "row, p50"},
		)
	}
	return append(rows,
		row{name: "payment: asked → gateway's answer committed, p50", of: func(r round) float64 { return at(r.paced.effects, 0.5) }},
		row{name: "payment: asked → gateway's answer committed, p99", of: func(r round) float64 { return at(r.paced.effects, 0.99) }},
	)
}

func costRows() []row {
	var rows []row
	for _, what := range []string{writes, sql, batches} {
		for _, service := range services {
			rows = append(rows, costRow(what, service))
		}
	}
	for _, group := range append(slices.Clone(groups), self) {
		rows = append(rows, costRow(cpu, group))
	}
	return append(rows, row{name: cpu + ", all", of: func(r round) float64 {
		var sum float64
		for k, v := range r.paced.cost {
			if k.what == cpu && k.who != others {
				sum += v
			}
		}
		return sum
	}}, row{name: "processors used by everything else, %", of: func(r round) float64 { return 100 * r.paced.cost.foreign() }})
}

func costRow(what, who string) row {
	return row{name: what + ", " + who, of: func(r round) float64 { return r.paced.cost[spending{what, who}] }}
}

// memories is the last part: sizes, and what a platform without orders does.
func (r report) memories(out io.Writer) {
	fmt.Fprintf(out, "MEMORY, MB of a replica\tat rest\tat %g/s\tpeak, bursts included\n", r.cfg.rate)
	for _, service := range services {
		var loaded []float64
		for _, round := range r.rounds {
			loaded = append(loaded, round.paced.memory[service])
		}
		fmt.Fprintf(out, "  %s\t%.0f\t%.0f\t%.0f\n", service, r.rest.memory[service], quantile.Median(loaded), r.peak[service])
	}
	fmt.Fprintln(out, "\t\t\t")
	fmt.Fprintln(out, "AT REST, a second\tprocessor ms\ttransactions\t")
	for _, group := range groups {
		transactions := ""
		if slices.Contains(services, group) {
			transactions = figure(r.rest.cost[spending{sql, group}])
		}
		fmt.Fprintf(out, "  %s\t%s\t%s\t\n", group, figure(r.rest.cost[spending{cpu, group}]), transactions)
	}
}
