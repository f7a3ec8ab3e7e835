package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
)

// platform is an embedded platform that a test can stop and start again.
type platform struct {
	t    *testing.T
	cfg  embedded.Config
	to   embedded.Addresses
	stop context.CancelFunc
	ran  chan error
}

func startPlatform(t *testing.T) *platform {
	t.Helper()
	p := &platform{t: t, cfg: embedded.Config{Data: t.TempDir(), Logger: zap.NewNop()}}
	p.start()
	t.Cleanup(p.end)
	return p
}

func (p *platform) start() {
	p.t.Helper()
	e, err := embedded.Open(p.cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	p.to = e.Addresses
	p.cfg.Ports = portsOf(p.t, e.Addresses) // the same ones next time
	ctx, stop := context.WithCancel(context.Background())
	p.stop, p.ran = stop, make(chan error, 1)
	ready := make(chan struct{})
	go func() { p.ran <- e.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-p.ran:
		p.t.Fatal(err)
	}
}

func (p *platform) end() {
	p.stop()
	if err := <-p.ran; err != nil {
		p.t.Error(err)
	}
}

func portsOf(t *testing.T, a embedded.Addresses) embedded.Ports {
	t.Helper()
	port := func(address string) int {
		_, text, err := net.SplitHostPort(strings.TrimPrefix(address, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return embedded.Ports{
		Kafka: port(a.Kafka), Registry: port(a.Registry), Gateway: port(a.Gateway),
		Order: port(a.Order.API), Payment: port(a.Payment.API), Inventory: port(a.Inventory.API),
		OrderOps: port(a.Order.Ops), PaymentOps: port(a.Payment.Ops), InventoryOps: port(a.Inventory.Ops),
	}
}

// get reads an answer of the platform.
func (p *platform) get(url string, into any) {
	p.t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(url)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		p.t.Fatal(err)
	}
}

type stockView struct {
	OnHand     int64 `json:"on_hand"`
	Received   int64 `json:"received"`
	Restocked  int64 `json:"restocked"`
	WrittenOff int64 `json:"written_off"`
}

// everyKind has each kind of line. Nothing is declined under its assumptions.
var everyKind = []string{
	"1 A 10 2.50 c", "1 POST 1 18 c", "1 B/2%20 1 0.001 c", // a sale, with postage and a code that is no path
	"2 A 4 0 -",      // found
	"3 A -5 0 -",     // written off
	"4 POST 1 18 c",  // services alone
	"5 FREE 2 0 c",   // a gift
	"C6 A -4 2.50 c", // returned
	"C7 A -9 2.50 c", // returned in part
	"C8 Z -1 2.50 c", // never bought
	"C9 D -1 2.50 c", // a discount
	"10 A 0 2.50 c",  // nothing
	"11 BIG 2000000 0.01 c",
}

func summary(r *Report) string {
	var out []string
	for _, o := range r.Outcomes {
		out = append(out, fmt.Sprintf("%s %d/%d %d", o.Outcome, o.Invoices, o.Lines, o.Amount))
	}
	return strings.Join(out, "\n")
}

func runPlan(t *testing.T, to embedded.Addresses, a Assumptions, files ...File) *Report {
	t.Helper()
	plan, err := NewPlan(files, a)
	if err != nil {
		t.Fatal(err)
	}
	report, err := Run(t.Context(), to, plan, Config{Patience: time.Minute}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestRun_AccountsForEveryLine(t *testing.T) {
	p := startPlatform(t)
	in := file(t, "a.csv", everyKind...)
	first := runPlan(t, p.to, Assumptions{Stock: 1}, in)
	want := `completed 3/5 6100
returned 1/1 -1000
returned in part 1/1 -1500
return: no earlier purchase 1/1 -250
return: not goods 1/1 -250
stock found 1/1 0
stock written off 1/1 0
refused 2/2 2000000`
	if got := summary(first); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var stock stockView
	p.get(p.to.Inventory.API+"/stock/A", &stock)
	if (stock != stockView{OnHand: 14, Received: 19, Restocked: 10, WrittenOff: 5}) {
		t.Errorf("stock of A is %+v", stock)
	}
	var order view
	p.get(p.to.Order.API+"/orders/1", &order)
	if !order.Settled || order.RefundDue != 2500 {
		t.Errorf("order 1 is %+v, want it settled with 2500 refunded", order)
	}

	second := runPlan(t, p.to, Assumptions{Stock: 1}, in)
	if got := summary(second); got != want || second.PlacedBefore != 3 {
		t.Errorf("the second time, with %d orders placed before, got\n%s", second.PlacedBefore, got)
	}
	var after stockView
	p.get(p.to.Inventory.API+"/stock/A", &after)
	if after != stock {
		t.Errorf("the second run moved stock from %+v to %+v", stock, after)
	}
}

func TestRun_EndsOrdersInEveryWay(t *testing.T) {
	p := startPlatform(t)
	sale := []string{"1 A 10 2.50 c", "C2 A -1 2.50 c"}
	for _, c := range []struct {
		name        string
		assumptions Assumptions
		want        string
	}{
		{"short", Assumptions{Stock: 0.5}, "cancelled: out of stock 1/1 2500\nreturn: its order was cancelled 1/1 -250"},
		{"declined", Assumptions{Stock: 1, Declines: 1}, "cancelled: card declined 1/1 2500\nreturn: its order was cancelled 1/1 -250"},
		{"refused", Assumptions{Stock: 1, CaptureRefusals: 1}, "cancelled: capture refused 1/1 2500\nreturn: its order was cancelled 1/1 -250"},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines := strings.ReplaceAll(strings.Join(sale, "\n"), "A", c.name)
			lines = strings.NewReplacer("1 "+c.name, c.name+"1 "+c.name, "C2", "C2"+c.name).Replace(lines)
			in := file(t, c.name+".csv", strings.Split(lines, "\n")...)
			if got := summary(runPlan(t, p.to, c.assumptions, in)); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestRun_KeepsWhatAnotherReplayAssumed(t *testing.T) {
	p := startPlatform(t)
	in := file(t, "a.csv", "1 A 10 2.50 c")
	runPlan(t, p.to, Assumptions{Stock: 1}, in)
	other := runPlan(t, p.to, Assumptions{Stock: 0.5, Declines: 1}, in)
	if got := summary(other); got != "completed 1/1 2500" || other.DifferentlyPaid != 1 || other.StockedBefore != 1 {
		t.Errorf("got %s with %d paid differently and %d stocked before, want what was there", got, other.DifferentlyPaid, other.StockedBefore)
	}
	// The same number with other goods is another order.
	clash := runPlan(t, p.to, Assumptions{Stock: 1}, file(t, "b.csv", "1 A 11 2.50 c"))
	if got := summary(clash); got != "refused 1/1 2750" || !strings.Contains(clash.Outcomes[0].Details[0].Reason, "another order has this number") {
		t.Errorf("got %s with %+v, want it refused", got, clash.Outcomes[0].Details)
	}
}

// many are sales of which some come back.
func many(n int) []string {
	lines := make([]string, 0, n+n/5)
	for i := range n {
		lines = append(lines, fmt.Sprintf("%d A%d 5 2.50 c%d", 1000+i, i%7, i%3))
		if i%5 == 4 {
			lines = append(lines, fmt.Sprintf("C%d A%d -2 2.50 c%d", 1000+i, (i-1)%7, (i-1)%3))
		}
	}
	return lines
}

// file's lines are a minute apart within one hour.
const mostLines = 50

func TestRun_GoesOnWhereItWasInterrupted(t *testing.T) {
	p := startPlatform(t)
	in := file(t, "a.csv", many(mostLines)...)
	stopped := errors.New("killed")
	for at := int64(5); at <= 45; at += 20 {
		plan := planOf(t, in)
		ctx, stop := context.WithCancelCause(t.Context())
		progress := &Progress{}
		ran := make(chan error, 1)
		go func() {
			_, err := Run(ctx, p.to, plan, Config{Concurrency: 4, Patience: time.Minute}, progress)
			ran <- err
		}()
		for progress.Snapshot().Placed < at && ctx.Err() == nil {
			select {
			case err := <-ran:
				t.Fatalf("ended before %d orders: %v", at, err)
			case <-time.After(time.Millisecond):
			}
		}
		stop(stopped)
		if err := <-ran; err != nil && !errors.Is(err, stopped) {
			t.Fatalf("stopped at %d orders: %v", at, err)
		}
	}
	first := runPlan(t, p.to, DefaultAssumptions, in)
	second := runPlan(t, p.to, DefaultAssumptions, in)
	if summary(first) != summary(second) || first.PlacedBefore < 45 || second.PlacedBefore != mostLines {
		t.Errorf("with %d and %d orders placed before, got\n%s\nand then\n%s", first.PlacedBefore, second.PlacedBefore, summary(first), summary(second))
	}
	var list struct {
		Orders []listed `json:"orders"`
	}
	p.get(p.to.Order.API+"/orders?limit=1000", &list)
	if len(list.Orders) != mostLines {
		t.Errorf("there are %d orders, want %d", len(list.Orders), mostLines)
	}
	var received int64
	for i := range 7 {
		var s stockView
		p.get(fmt.Sprintf("%s/stock/A%d", p.to.Inventory.API, i), &s)
		received += s.Received
	}
	if want := stockOf(planOf(t, in)); received != want {
		t.Errorf("%d units were received, want %d", received, want)
	}
}

func stockOf(p *Plan) int64 {
	var n int64
	for _, item := range p.Items {
		for _, m := range item.Movements {
			n += m.Quantity
		}
	}
	return n
}

func TestRun_OutlastsARestartOfThePlatform(t *testing.T) {
	p := startPlatform(t)
	plan := planOf(t, file(t, "a.csv", many(mostLines)...))
	progress := &Progress{}
	ran := make(chan error, 1)
	go func() {
		_, err := Run(t.Context(), p.to, plan, Config{Concurrency: 2, Rate: 100, Patience: time.Minute}, progress)
		ran <- err
	}()
	for progress.Snapshot().Placed < 10 {
		select {
		case err := <-ran:
			t.Fatalf("ended before 10 orders: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	p.end()
	deadline := time.Now().Add(30 * time.Second)
	for progress.Snapshot().Trouble == "" && time.Now().Before(deadline) {
		<-time.After(time.Millisecond)
	}
	if progress.Snapshot().Trouble == "" {
		t.Error("the platform is gone, and the progress does not say so")
	}
	p.start()
	if err := <-ran; err != nil {
		t.Fatal(err)
	}
	if s := progress.Snapshot(); s.Placed != mostLines || s.Ended != mostLines || s.Stage != Done {
		t.Errorf("got %+v, want all of %d orders", s, mostLines)
	}
}

func TestMakeReturns_GivesBackTheSameLinesAgain(t *testing.T) {
	p := startPlatform(t)
	in := file(t, "a.csv", many(24)...)
	plan := planOf(t, in)
	report, err := Run(t.Context(), p.to, plan, Config{Patience: time.Minute}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got [2]Made
	for i := range got {
		if got[i], err = MakeReturns(t.Context(), p.to, plan, report, 5, Config{Patience: time.Minute}); err != nil {
			t.Fatal(err)
		}
	}
	if got[0] != got[1] || got[0].Returns == 0 || got[0].Refund == 0 {
		t.Errorf("got %+v and then %+v, want some and the same", got[0], got[1])
	}
	again := runPlan(t, p.to, DefaultAssumptions, in)
	if summary(again) != summary(report) {
		t.Errorf("after made returns got\n%s\nwant\n%s", summary(again), summary(report))
	}
}
