package replay

import (
	"fmt"
	"strings"
	"testing"
)

// file makes a file of lines "invoice code quantity price customer", a minute
// apart; a customer of - is a guest.
func file(t *testing.T, name string, lines ...string) File {
	t.Helper()
	return fileOn(t, 1, name, lines...)
}

func fileOn(t *testing.T, day int, name string, lines ...string) File {
	t.Helper()
	var b strings.Builder
	b.WriteString(header)
	for i, l := range lines {
		f := strings.Fields(l)
		if len(f) != 5 {
			t.Fatalf("%q is not: invoice code quantity price customer", l)
		}
		customer := strings.TrimPrefix(f[4], "-")
		code := strings.ReplaceAll(f[1], "_CHARGES", " CHARGES")
		fmt.Fprintf(&b, "%s,%s,a %s,%s,2010-12-%02d 08:%02d:00,%s,%s,UK\n", f[0], code, f[1], f[2], day, i, f[3], customer)
	}
	out, err := Read(name, strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func planOf(t *testing.T, files ...File) *Plan {
	t.Helper()
	p, err := NewPlan(files, DefaultAssumptions)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// completeAll has every order completed, every return taken, every movement
// accepted, and reports.
func completeAll(t *testing.T, p *Plan) *Report {
	t.Helper()
	for _, o := range p.Orders {
		o.view.Status = statusCompleted
		for _, r := range o.Returns {
			r.done = true
		}
	}
	for _, item := range p.Items {
		for _, m := range item.Movements {
			settleMovement(m)
		}
	}
	r, err := newReport(p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPlan_OfTheRealDay(t *testing.T) {
	day, err := Day()
	if err != nil {
		t.Fatal(err)
	}
	p := planOf(t, day)
	if len(day.Lines) != 3108 || len(p.invoices) != 143 || len(p.Orders) != 127 {
		t.Errorf("got %d lines, %d invoices, %d orders; want 3108, 143, 127", len(day.Lines), len(p.invoices), len(p.Orders))
	}
	var cancellations, free int
	for _, inv := range p.invoices {
		all := true
		for _, e := range inv.lines {
			all = all && e.Price == 0
		}
		switch {
		case strings.HasPrefix(inv.id, cancellationPrefix):
			cancellations++
		case all:
			free++
		}
	}
	if cancellations != 6 || free != 10 {
		t.Errorf("got %d cancellations and %d invoices at price 0, want 6 and 10", cancellations, free)
	}
	r := completeAll(t, p)
	want := map[Outcome][2]int{ // invoices, lines
		Completed: {127, 3072}, GivenBack: {1, 1}, ReturnOfNothing: {4, 24}, ReturnNotGoods: {1, 1}, Found: {9, 9}, WrittenOff: {1, 1},
	}
	for _, o := range r.Outcomes {
		if got := [2]int{o.Invoices, o.Lines}; got != want[o.Outcome] {
			t.Errorf("%s: got %d invoices and %d lines, want %v", o.Outcome, got[0], got[1], want[o.Outcome])
		}
		delete(want, o.Outcome)
	}
	for o := range want {
		t.Errorf("nothing was %s", o)
	}
	if r.Invoices != 143 || r.Lines != 3108 || r.Files[0].Invoices != 143 {
		t.Errorf("the report is of %d invoices and %d lines", r.Invoices, r.Lines)
	}
}

func TestPlan_OfTheRealDayRunsShortAndDeclines(t *testing.T) {
	day, err := Day()
	if err != nil {
		t.Fatal(err)
	}
	p := planOf(t, day)
	cards := make(map[string]int)
	demand, stock := int64(0), int64(0)
	for _, o := range p.Orders {
		cards[o.body.PaymentMethod]++
		for _, l := range o.body.Lines {
			if l.Kind == goods {
				demand += l.Quantity
			}
		}
	}
	for _, item := range p.Items {
		for _, m := range item.Movements {
			if m.Kind == opening {
				stock += m.Quantity
			}
		}
	}
	if cards[cardDeclined] == 0 || cards[cardCaptureRefused] == 0 || cards[cardGood] < 100 {
		t.Errorf("the cards are %v: want a few of each refusal", cards)
	}
	if stock >= demand || stock < demand*98/100 {
		t.Errorf("opening stock is %d units of %d ordered, want a little less", stock, demand)
	}
}

func TestPlan_SortsLinesByWhatTheyAre(t *testing.T) {
	for _, c := range []struct {
		name string
		line string
		want Outcome
	}{
		{"a sale", "1 A 6 2.55 c", Completed},
		{"a sale to a guest", "1 A 6 2.55 -", Completed},
		{"postage", "1 POST 1 18 c", Completed},
		{"a gift to a customer", "1 A 1 0 c", Completed},
		{"found", "1 A 56 0 -", Found},
		{"found postage", "1 POST 1 0 -", NotGoods},
		{"written off", "1 A -10 0 -", WrittenOff},
		{"written off with a customer", "1 A -10 0 c", WrittenOff},
		{"written off charges", "1 BANK_CHARGES -1 0 -", NotGoods},
		{"bad debt", "A1 B 1 -11062.06 -", Adjustment},
		{"bad debt taken back", "A1 B 1 11062.06 -", Adjustment},
		{"a negative price", "1 A 1 -2 c", Adjustment},
		{"nothing", "1 A 0 2.55 c", Refused},
		{"negative at a price", "1 A -1 2.55 c", Refused},
		{"a cancellation of nothing", "C1 A 1 2.55 c", Refused},
		{"a discount taken back", "C1 D -1 27.5 c", ReturnNotGoods},
		{"a return by a guest", "C1 A -1 2.55 -", ReturnByGuest},
		{"a return of nothing", "C1 A -1 2.55 c", ReturnOfNothing},
		{"a cancelled bad debt", "C1 B -1 -5 -", Adjustment},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := completeAll(t, planOf(t, file(t, "a.csv", c.line)))
			if len(r.Outcomes) != 1 || r.Outcomes[0].Outcome != c.want || r.Outcomes[0].Lines != 1 || r.Outcomes[0].Invoices != 1 {
				t.Errorf("got %+v, want one line %q", r.Outcomes, c.want)
			}
		})
	}
}

func TestPlan_LeavesOutOfAnOrderWhatIsNone(t *testing.T) {
	p := planOf(t, file(t, "a.csv", "1 A 2 2.50 c", "1 A -1 2.50 c", "1 POST 1 18 c", "1 B2 -3 0 c", "1 A 1 2.60 c"))
	if len(p.Orders) != 1 || len(p.Orders[0].body.Lines) != 3 {
		t.Fatalf("got %+v, want one order of three lines", p.Orders)
	}
	lines := p.Orders[0].body.Lines
	if lines[0].Amount != 500 || lines[0].Kind != goods || lines[1].Kind != service || lines[2].Amount != 260 {
		t.Errorf("got %+v", lines)
	}
	r := completeAll(t, p)
	if r.Outcomes[0].Outcome != Completed || r.Outcomes[0].Invoices != 1 || r.Outcomes[0].Lines != 3 || r.Outcomes[0].Amount != 2560 {
		t.Errorf("got %+v, want the invoice among the completed", r.Outcomes)
	}
	if got := strings.Join(r.Outcomes[0].At["a.csv"], ","); got != "2,4,6" {
		t.Errorf("completed lines are %s, want 2,4,6", got)
	}
}

func TestPlan_GroupsAnInvoiceWhereverItsLinesStand(t *testing.T) {
	p := planOf(t, file(t, "a.csv", "1 A 1 1 c", "2 A 1 1 c", "1 B2 1 1 c"))
	if len(p.Orders) != 2 || len(p.Orders[0].body.Lines) != 2 {
		t.Errorf("got %d orders, the first with %d lines; want 2 and 2", len(p.Orders), len(p.Orders[0].body.Lines))
	}
}

func TestPlan_BooksStockPerFileAndSKU(t *testing.T) {
	one := fileOn(t, 1, "one.csv", "1 A 100 1 c", "2 A 5 0 -", "3 A -7 0 -", "4 a 1 1 c")
	two := fileOn(t, 2, "two.csv", "5 A 200 1 c", "6 POST 1 18 c")
	both := planOf(t, two, one)
	if both.Files[0].Name != "one.csv" {
		t.Errorf("files are not in the order of their dates")
	}
	if len(both.Items) != 2 || both.Items[0].SKU != "A" || both.Items[1].SKU != "a" {
		t.Fatalf("got %d SKUs, want A and a", len(both.Items))
	}
	var got []string
	for _, m := range both.Items[0].Movements {
		got = append(got, fmt.Sprintf("%d:%d", m.Kind, m.Quantity))
	}
	// 99 of the 100 ordered and the 7 written off; 198 of 200; found; written off.
	if want := "0:106 0:198 1:5 2:7"; strings.Join(got, " ") != want {
		t.Errorf("got movements %v, want %s", got, want)
	}
	alone := planOf(t, two)
	if a, b := alone.Items[0].Movements[0], both.Items[0].Movements[1]; a != b {
		t.Errorf("alone a file brings %+v, with another %+v: want the same", a, b)
	}
}

func TestPlan_CountsAnInvoiceInTwoFilesOnce(t *testing.T) {
	p := planOf(t, fileOn(t, 1, "day.csv", "1 A 10 1 c"), fileOn(t, 1, "month.csv", "1 A 10 1 c", "2 A 10 1 c"))
	if len(p.Orders) != 2 {
		t.Errorf("got %d orders, want 2", len(p.Orders))
	}
	r := completeAll(t, p)
	if len(r.Outcomes) != 2 || r.Outcomes[1].Outcome != Repeated || r.Outcomes[1].Lines != 1 || r.Outcomes[1].Invoices != 1 {
		t.Errorf("got %+v, want one line repeated", r.Outcomes)
	}
}

func TestPlan_RefusesWhatMakesNoSense(t *testing.T) {
	f := file(t, "a.csv", "1 A 1 1 c")
	for name, try := range map[string]func() (*Plan, error){
		"no file":             func() (*Plan, error) { return NewPlan(nil, DefaultAssumptions) },
		"the same file twice": func() (*Plan, error) { return NewPlan([]File{f, f}, DefaultAssumptions) },
		"negative stock":      func() (*Plan, error) { return NewPlan([]File{f}, Assumptions{Stock: -1}) },
		"more than all":       func() (*Plan, error) { return NewPlan([]File{f}, Assumptions{Declines: 0.9, CaptureRefusals: 0.2}) },
		"negative declines":   func() (*Plan, error) { return NewPlan([]File{f}, Assumptions{Declines: -0.1}) },
	} {
		if _, err := try(); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestAssumptions_ChooseByInvoiceAndSeedAlone(t *testing.T) {
	a := Assumptions{Declines: 0.03, CaptureRefusals: 0.005, Seed: 7}
	counts := make(map[string]int)
	differs := false
	const n = 20_000
	for i := range n {
		id := fmt.Sprint(536365 + i)
		counts[a.card(id)]++
		if again := a.card(id); a.card(id) != again {
			t.Fatalf("invoice %s is paid in two ways", id)
		}
		other := a
		other.Seed = 8
		differs = differs || a.card(id) != other.card(id)
	}
	if d := counts[cardDeclined]; d < n*25/1000 || d > n*35/1000 {
		t.Errorf("%d of %d are declined, want about 3 %%", d, n)
	}
	if d := counts[cardCaptureRefused]; d < n*3/1000 || d > n*7/1000 {
		t.Errorf("%d of %d are refused at capture, want about 0.5 %%", d, n)
	}
	if !differs {
		t.Error("another seed chooses the same")
	}
}

func TestAssumptions_RoundStockUp(t *testing.T) {
	for _, c := range []struct {
		share         float64
		ordered, want int64
	}{{0.99, 100, 99}, {0.99, 1, 1}, {0.99, 101, 100}, {1, 12345, 12345}, {0, 10, 0}, {1.5, 3, 5}, {0.07, 100, 7}} {
		if got := (Assumptions{Stock: c.share}).opening(c.ordered, 0); got != c.want {
			t.Errorf("%v of %d: got %d, want %d", c.share, c.ordered, got, c.want)
		}
	}
}
