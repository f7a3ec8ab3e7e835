package replay

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

const (
	// redraw is how often a terminal is drawn anew, and retell how often a line is
	// printed elsewhere.
	redraw = 100 * time.Millisecond
	retell = 5 * time.Second
	// barWidth and lineWidth are in characters: a line that wraps cannot be drawn
	// anew.
	barWidth  = 10
	lineWidth = 79
	// foretold is the share of the orders, one in so many, that must have ended
	// before the rest is foretold from them.
	foretold = 20
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
			fmt.Fprint(out, "\r\x1b[K", cut(line, lineWidth))
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
		fmt.Fprintf(&b, "%s of %s", Grouped(s.Ended), Grouped(s.Orders))
		if s.Rate > 0 {
			fmt.Fprintf(&b, ", %s/s", Grouped(int64(s.Rate+0.5)))
		}
		if s.Left > time.Second && s.Ended*foretold >= s.Orders {
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

// cut keeps the first characters of a line.
func cut(line string, most int) string {
	if r := []rune(line); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return line
}
