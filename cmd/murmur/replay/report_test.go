package replay

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReport_RefusesSumsThatDoNotAgree(t *testing.T) {
	for name, spoil := range map[string]func(*Plan){
		"a line without an end":     func(p *Plan) { p.Orders[0].view.Status = statusConfirmed },
		"a lost line":               func(p *Plan) { p.invoices[1].lines = p.invoices[1].lines[:1] },
		"a lost invoice":            func(p *Plan) { p.invoices = p.invoices[1:] },
		"an invoice counted twice":  func(p *Plan) { p.invoices = append(p.invoices, p.invoices[0]) },
		"a line under another's no": func(p *Plan) { p.invoices[1].lines[1] = p.invoices[1].lines[0] },
	} {
		t.Run(name, func(t *testing.T) {
			p := planOf(t, file(t, "a.csv", "1 A 1 1 c", "2 A 2 1 c", "2 B2 1 1 c"))
			for _, o := range p.Orders {
				o.view.Status = statusCompleted
			}
			spoil(p)
			if r, err := newReport(p); err == nil || !strings.Contains(err.Error(), "internal error") {
				t.Errorf("got %+v and error %v, want an internal error", r, err)
			}
		})
	}
}

func TestReport_WritesLineNumbersAsRanges(t *testing.T) {
	for _, c := range []struct {
		numbers []int
		want    string
	}{{nil, ""}, {[]int{5}, "5"}, {[]int{4, 2, 3, 9}, "2-4 9"}, {[]int{2, 4, 6, 7}, "2 4 6-7"}} {
		got := ranges(c.numbers)
		if strings.Join(got, " ") != c.want || count(got) != len(c.numbers) {
			t.Errorf("%v: got %v (%d numbers), want %s", c.numbers, got, count(got), c.want)
		}
	}
}

func TestReport_IsPrintedAsATable(t *testing.T) {
	p := planOf(t, file(t, "a.csv", "1 A 1000 1234.56 c", "2 A 0 1 c", "C3 A -1000 1234.56 c"))
	var out bytes.Buffer
	if err := completeAll(t, p).Print(&out); err != nil {
		t.Fatal(err)
	}
	want := `                invoices  lines          amount
  completed            1      1   £1,234,560.00
  returned             1      1  -£1,234,560.00
  refused              1      1           £0.00
  all, as read         3      3
  refused: quantity 0 (1 lines, first a.csv:3)
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestProgress_KeepsWithinALine(t *testing.T) {
	long := Snapshot{Stage: Ordering, Ended: 5000, Orders: 9660, Rate: 1234, Left: time.Minute, ReturnsAll: 10, Trouble: strings.Repeat("x", 200)}
	if got := []rune(cut(long.line(true), lineWidth)); len(got) != lineWidth || got[lineWidth-1] != '…' {
		t.Errorf("got %d characters: %s", len(got), string(got))
	}
	usual := Snapshot{Stage: Ordering, Ended: 9000, Orders: 9660, Rate: 1234, Left: 5 * time.Second, Returns: 1234, ReturnsAll: 1760}
	if got := []rune(usual.line(true)); len(got) > lineWidth {
		t.Errorf("got %d characters: %s", len(got), string(got))
	}
}

func TestReport_NamesEveryOutcome(t *testing.T) {
	var seen []Outcome
	for _, o := range Outcomes {
		if o.Meaning == "" || slices.Contains(seen, o.Outcome) {
			t.Errorf("%q is listed twice or without its meaning", o.Outcome)
		}
		seen = append(seen, o.Outcome)
	}
	for reason, outcome := range reasons {
		if !slices.Contains(seen, outcome) {
			t.Errorf("%s leads to %q, which no report lists", reason, outcome)
		}
	}
}

func TestProgress_SaysWhereItIs(t *testing.T) {
	for _, c := range []struct {
		at       Snapshot
		terminal bool
		want     string
	}{
		{Snapshot{Items: 812, ItemsAll: 1336}, false, "  stock   812 of 1,336 SKUs"},
		{Snapshot{Items: 5, ItemsAll: 10}, true, "  stock   █████░░░░░  5 of 10 SKUs"},
		{Snapshot{}, true, "  stock   0 of 0 SKUs"},
		{
			Snapshot{Stage: Ordering, Ended: 1500, Orders: 9660, Rate: 1234.4, Left: 7 * time.Second, Returns: 3, ReturnsAll: 10}, false,
			"  orders  1,500 of 9,660, 1,234/s, 7s left, 3 of 10 returns",
		},
		{Snapshot{Stage: Ordering, Orders: 2, Trouble: "connection refused"}, false, "  orders  0 of 2 (trying again: connection refused)"},
		{Snapshot{Stage: Ordering, Ended: 2, Orders: 100, Rate: 2.4, Left: time.Minute}, false, "  orders  2 of 100, 2/s"},
		{Snapshot{Stage: Closing}, true, "  waiting until nothing is owed to any order"},
	} {
		if got := c.at.line(c.terminal); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestProgress_LeavesATerminalsLineEmpty(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var out bytes.Buffer
	(&Progress{}).Display(ctx, &out, true)
	if !strings.HasSuffix(out.String(), "\r\x1b[K") {
		t.Errorf("got %q, want the line erased at the end", out.String())
	}
}
