package replay

import (
	"fmt"
	"strings"
	"testing"
)

// returnsOf writes the returns of a plan as cancellation→order line×quantity.
func returnsOf(p *Plan) string {
	var out []string
	for _, o := range p.Orders {
		for _, r := range o.Returns {
			for _, l := range r.lines {
				out = append(out, fmt.Sprintf("%s→%s/%d×%d", r.ID, o.ID, l.Line, l.Quantity))
			}
		}
	}
	return strings.Join(out, " ")
}

func TestMatch_FindsThePurchaseOfACancellation(t *testing.T) {
	for _, c := range []struct {
		name    string
		lines   []string
		returns string
		outcome Outcome // of the last line
		amount  int64
	}{
		{
			"one purchase", []string{"1 A 6 2.50 c", "C2 A -4 2.50 c"},
			"C2→1/1×4", GivenBack, -1000,
		},
		{
			"the same price before a later purchase", []string{"1 A 6 2.50 c", "2 A 6 3.00 c", "C3 A -6 2.50 c"},
			"C3→1/1×6", GivenBack, -1500,
		},
		{
			"of the same price the latest", []string{"1 A 6 2.50 c", "2 A 6 2.50 c", "C3 A -6 2.50 c"},
			"C3→2/1×6", GivenBack, -1500,
		},
		{
			"at another price, refunded as paid", []string{"1 A 6 2.50 c", "C2 A -2 9.99 c"},
			"C2→1/1×2", GivenBack, -500,
		},
		{
			"over several orders", []string{"1 A 2 2.50 c", "2 A 3 2.50 c", "C3 A -5 2.50 c"},
			"C3→1/1×2 C3→2/1×3", GivenBack, -1250,
		},
		{
			"over two lines of one order", []string{"1 A 2 2.50 c", "1 A 3 2.00 c", "C2 A -4 2.50 c"},
			"C2→1/1×2 C2→1/2×2", GivenBack, -900,
		},
		{
			"more than was bought", []string{"1 A 2 2.50 c", "C2 A -5 2.50 c"},
			"C2→1/1×2", GivenBackPart, -500,
		},
		{
			"after all of it came back", []string{"1 A 2 2.50 c", "C2 A -2 2.50 c", "C3 A -1 2.50 c"},
			"C2→1/1×2", ReturnOfNothing, -250,
		},
		{
			"twice in one cancellation", []string{"1 A 6 2.50 c", "C2 A -1 2.50 c", "C2 A -2 2.50 c"},
			"C2→1/1×3", GivenBack, -500,
		},
		{
			"in two cancellations", []string{"1 A 6 2.50 c", "C2 A -1 2.50 c", "C3 A -2 2.50 c"},
			"C2→1/1×1 C3→1/1×2", GivenBack, -500,
		},
		{
			"bought later", []string{"C1 A -1 2.50 c", "2 A 6 2.50 c", "C3 POST -1 1 c"},
			"", ReturnNotGoods, -100,
		},
		{
			"by someone else", []string{"1 A 6 2.50 c", "C2 A -1 2.50 d"},
			"", ReturnOfNothing, -250,
		},
		{
			"of a code in other case", []string{"1 AB 6 2.50 c", "C2 Ab -1 2.50 c"},
			"", ReturnOfNothing, -250,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := planOf(t, file(t, "a.csv", c.lines...))
			if got := returnsOf(p); got != c.returns {
				t.Errorf("got %q, want %q", got, c.returns)
			}
			completeAll(t, p)
			last := p.invoices[len(p.invoices)-1].lines
			e := last[len(last)-1]
			if e.fate.outcome != c.outcome || e.fate.amount != c.amount {
				t.Errorf("the last line is %q with %d pence, want %q with %d", e.fate.outcome, e.fate.amount, c.outcome, c.amount)
			}
		})
	}
}

func TestMatch_FindsPurchasesOfEarlierFiles(t *testing.T) {
	p := planOf(t, fileOn(t, 2, "later.csv", "C2 A -1 2.50 c"), fileOn(t, 1, "earlier.csv", "1 A 6 2.50 c"))
	if got := returnsOf(p); got != "C2→1/1×1" {
		t.Errorf("got %q, want a return to the order of the earlier file", got)
	}
}

func TestMatch_RefundsAddUpToWhatWasPaid(t *testing.T) {
	// A third of a penny each: three returns of one unit.
	p := planOf(t, file(t, "a.csv", "1 A 3 0.333333 c", "C2 A -1 0.333333 c", "C3 A -1 0.333333 c", "C4 A -1 0.333333 c"))
	r := completeAll(t, p)
	if r.Outcomes[0].Amount != 100 || r.Outcomes[1].Amount != -100 {
		t.Errorf("got %d paid and %d back, want 100 and -100", r.Outcomes[0].Amount, r.Outcomes[1].Amount)
	}
}

func TestMatch_FindsTheOneReturnOfTheRealDay(t *testing.T) {
	day, err := Day()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := returnsOf(planOf(t, day)), "C536506→536488/3×6"; got != want {
		t.Errorf("got %q, want %s", got, want)
	}
}

func TestReturn_OfACancelledOrderIsSaid(t *testing.T) {
	p := planOf(t, file(t, "a.csv", "1 A 2 2.50 c", "2 A 2 2.50 c", "C3 A -3 2.50 c", "C4 A -1 2.50 c"))
	p.Orders[0].view = view{Status: statusCancelled, Reason: "OUT_OF_STOCK"}
	p.Orders[1].view = view{Status: statusCompleted}
	p.Orders[1].Returns[0].done = true
	r, err := newReport(p)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range r.Outcomes {
		got = append(got, fmt.Sprintf("%s %d %d", o.Outcome, o.Lines, o.Amount))
	}
	want := []string{"completed 1 500", "cancelled: out of stock 1 500", "returned in part 1 -500", "return: its order was cancelled 1 -250"}
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		t.Errorf("got %v, want %v", got, want)
	}
}
