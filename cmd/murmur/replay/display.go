package replay

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

const (
	// redraw is how often a terminal is drawn anew, and retell how often a line is
	// printed elsewhere.
	redraw = 100 * time.Millisecond
	retell = 5 * time.Second
	// barWidth is in characters; a whole line stays below 80.
	barWidth = 20
	// detailsPrinted bounds the reasons of one outcome; the report has more.
	detailsPrinted = 3
)

// Display shows the progress until ctx ends: one line drawn anew on a terminal,
// and else a line now and then. The caller waits for it to return.
func (p *Progress) Display(ctx context.Context, out io.Writer, terminal bool) {
	pause := retell
	if terminal {
		pause = redraw
		defer fmt.Fprint(out, "\r\x1b[K")
	}
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		line := p.Snapshot().line(terminal)
		if terminal {
			fmt.Fprint(out, "\r\x1b[K", line)
		} else {
			fmt.Fprintln(out, strings.TrimSpace(line))
		}
	}
}

// line says where a replay is.
func (s Snapshot) line(terminal bool) string {
	var b strings.Builder
	bar := func(done, all int64) {
		if terminal && all > 0 {
			full := int(done * barWidth / all)
			b.WriteString(strings.Repeat("█", full) + strings.Repeat("░", barWidth-full) + "  ")
		}
	}
	switch {
	case s.Stage == Stocking:
		b.WriteString("  stock   ")
		bar(s.Items, s.ItemsAll)
		fmt.Fprintf(&b, "%s of %s SKUs", Grouped(s.Items), Grouped(s.ItemsAll))
	case s.Stage == Ordering:
		b.WriteString("  orders  ")
		bar(s.Ended, s.Orders)
		fmt.Fprintf(&b, "%s of %s settled", Grouped(s.Ended), Grouped(s.Orders))
		if s.Rate > 0 {
			fmt.Fprintf(&b, ", %s/s", Grouped(int64(s.Rate+0.5)))
		}
		if s.Left > time.Second {
			fmt.Fprintf(&b, ", %s left", s.Left.Round(time.Second))
		}
		if s.ReturnsAll > 0 {
			fmt.Fprintf(&b, ", %s of %s returns", Grouped(s.Returns), Grouped(s.ReturnsAll))
		}
	default:
		b.WriteString("  waiting until nothing is owed to any order")
	}
	if s.Trouble != "" {
		fmt.Fprintf(&b, " (trying again: %s)", clip(s.Trouble))
	}
	return b.String()
}

// Grouped writes a number with its thousands apart: 12,795.
func Grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Pounds writes pence as pounds: £1,234.56.
func Pounds(pence int64) string {
	sign := ""
	if pence < 0 {
		sign, pence = "-", -pence
	}
	return fmt.Sprintf("%s£%s.%02d", sign, Grouped(pence/100), pence%100)
}

// Print writes the report as a table.
func (r *Report) Print(out io.Writer) error {
	rows := [][]string{{"", "invoices", "lines", "amount"}}
	for _, t := range r.Outcomes {
		rows = append(rows, []string{string(t.Outcome), Grouped(int64(t.Invoices)), Grouped(int64(t.Lines)), Pounds(t.Amount)})
	}
	rows = append(rows, []string{"all, as read", Grouped(int64(r.Invoices)), Grouped(int64(r.Lines)), ""})
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		line := fmt.Sprintf("  %-*s", widths[0], row[0])
		for i, cell := range row[1:] {
			line += fmt.Sprintf("  %*s", widths[i+1], cell)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	for _, t := range r.Outcomes {
		for _, d := range t.Details[:min(len(t.Details), detailsPrinted)] {
			fmt.Fprintf(&b, "  %s: %s (%s lines, first %s)\n", t.Outcome, printable(d.Reason), Grouped(int64(d.Lines)), printable(d.First))
		}
	}
	if r.DifferentlyPaid > 0 {
		fmt.Fprintf(&b, "  %s of the orders were there before, paid as another replay had assumed\n", Grouped(int64(r.DifferentlyPaid)))
	}
	if r.StockedBefore > 0 {
		fmt.Fprintf(&b, "  %s SKUs had their opening stock before, as another replay had assumed\n", Grouped(int64(r.StockedBefore)))
	}
	_, err := io.WriteString(out, b.String())
	return err
}
