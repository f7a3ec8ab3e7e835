package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/e2e/checker"
	"github.com/murmuration-dev/murmuration/e2e/client"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

func TestMain(m *testing.M) { os.Exit(tests(m)) }

func tests(m *testing.M) int {
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func TestDay_IsSoldAgainUnderNewIDs(t *testing.T) {
	d, err := realDay()
	if err != nil {
		t.Fatal(err)
	}
	if len(d.orders) < 100 || d.orders[0].OrderID != "536365" || len(d.orders[0].Lines) != 7 || d.orders[0].Total() != 13912 {
		t.Errorf("%d orders, the first is %+v", len(d.orders), d.orders[0])
	}
	again, ok := d.order(len(d.orders))
	if !ok || again.OrderID != "536365-2" || again.Key == d.orders[0].Key || again.Total() != 13912 {
		t.Errorf("the second round begins with %+v", again)
	}
	if _, ok := d.order(rounds * len(d.orders)); ok {
		t.Error("is sold more often than goods are there")
	}
	absent := 0
	for sku := range d.wanted {
		if missing(sku) {
			absent++
		}
	}
	if goods := len(d.goods()); absent == 0 || goods+absent != len(d.wanted) {
		t.Errorf("%d goods of %d, %d are missing", goods, len(d.wanted), absent)
	}
}

// The whole visit, and the verdict, on a platform inside this process.
func TestCustomers_AreServedAndJudgedAsRight(t *testing.T) {
	data := t.TempDir()
	p, err := stack.NewInProcess(t.Context(), embedded.Config{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	s := newShop(t, p.Addresses(), time.Minute)
	s.day = newDay(s.day.orders[24:34]) // a refused card and a refused capture are among them
	if err := s.stockUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.tally.begin("sale")
	leave := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.sell(t.Context(), leave)
	}()
	eventually(t, "20 orders", func() bool { return s.tally.all()[1].Orders >= 20 })
	close(leave)
	<-done
	v := judge(t.Context(), s.client, checker.Databases(data))
	if err := s.wrong(); err != nil || len(v.Wrong) > 0 || !slices.Equal(v.Schemas, []int{1}) {
		t.Errorf("%v: %q, schemas %v", err, v.Wrong, v.Schemas)
	}
	if said := strings.Join(v.Figures, "\n"); !strings.Contains(said, "lost 0, duplicates 0") || !strings.Contains(said, "COMPLETED") || !strings.Contains(said, "CANCELLED") {
		t.Error(said)
	}
	if sale := s.tally.all()[1]; sale.Failed > 0 || sale.Requests < sale.Orders || sale.Seconds <= 0 {
		t.Errorf("%+v", sale)
	}
}

func TestJudge_FindsAnOrderThatNobodyKept(t *testing.T) {
	data := t.TempDir()
	p, err := stack.NewInProcess(t.Context(), embedded.Config{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	lies := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"order_id":"lost","version":3,"status":"COMPLETED","settled":true}`)
	}))
	defer lies.Close()
	to := p.Addresses()
	to.Order.API = lies.URL
	s := newShop(t, to, time.Minute)
	s.buy(t.Context(), 1, client.NewOrder{OrderID: "lost", Currency: "GBP"})
	if v := judge(t.Context(), s.client, checker.Databases(data)); !strings.Contains(strings.Join(v.Wrong, "\n"), "acknowledged order lost is lost") {
		t.Errorf("found %q", v.Wrong)
	}
}

func TestCustomers_RepeatUntilTheyAreAnswered(t *testing.T) {
	var asked atomic.Int32
	answers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch asked.Add(1) {
		case 1:
			panic(http.ErrAbortHandler)
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			fmt.Fprintf(w, `{"order_id":"o","version":1,"status":"PLACED","key":%q}`, r.Header.Get("Idempotency-Key"))
		}
	}))
	defer answers.Close()
	s := newShop(t, embedded.Addresses{Order: embedded.Service{API: answers.URL}}, time.Minute)
	s.buy(t.Context(), 1, client.NewOrder{OrderID: "o", Key: "k"})
	got := s.tally.all()[0]
	if got.Requests != 1 || got.Repeated != 1 || got.Retries != 2 || got.Failed != 0 || got.Orders != 1 || len(got.Reasons) != 2 || got.Reasons["EOF"] != 1 {
		t.Errorf("%+v", got)
	}
}

func TestCustomers_GiveUpWhenPatienceEnds(t *testing.T) {
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
	defer down.Close()
	s := newShop(t, embedded.Addresses{Order: embedded.Service{API: down.URL}}, 200*time.Millisecond)
	s.buy(t.Context(), 0, client.NewOrder{OrderID: "o"})
	if got := s.tally.all()[0]; got.Requests != 1 || got.Failed != 1 || got.Retries < 1 || got.Orders != 0 {
		t.Errorf("%+v", got)
	}
}

func TestCustomers_TellARefusalThatNobodyShouldGet(t *testing.T) {
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnprocessableEntity) }))
	defer refuses.Close()
	s := newShop(t, embedded.Addresses{Order: embedded.Service{API: refuses.URL}}, time.Minute)
	s.buy(t.Context(), 0, client.NewOrder{OrderID: "o"})
	if err := s.wrong(); err == nil || !strings.Contains(err.Error(), "422") {
		t.Errorf("got %v", err)
	}
}

func TestTally_GivesARequestToThePhaseInWhichItBegan(t *testing.T) {
	tally := newTally()
	first := tally.now()
	tally.begin("second")
	for i := range 2 * reasonLimit {
		tally.enter(first, func(p *Phase) { p.again(fmt.Sprint(i)) })
	}
	all := tally.all()
	if len(all) != 2 || all[0].Retries != 2*reasonLimit || all[0].Reasons["others"] != reasonLimit || all[1].Retries != 0 || all[1].Name != "second" {
		t.Errorf("%+v", all)
	}
}

func TestControl_IsSteeredOverHTTP(t *testing.T) {
	c := &control{tally: newTally(), leave: make(chan struct{})}
	server := httptest.NewServer(c.routes())
	defer server.Close()
	ask := func(method, path string, want int) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		said, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != want {
			t.Errorf("%s %s: %d %s, %v", method, path, res.StatusCode, said, err)
		}
		return string(said)
	}
	ask(http.MethodGet, "/readyz", http.StatusServiceUnavailable)
	c.isReady()
	ask(http.MethodGet, "/readyz", http.StatusOK)
	ask(http.MethodPost, "/phases/upgrade", http.StatusOK)
	if said := ask(http.MethodGet, "/phases", http.StatusOK); !strings.Contains(said, `"name":"start"`) || !strings.Contains(said, `"name":"upgrade"`) {
		t.Error(said)
	}
	ask(http.MethodGet, "/verdict", http.StatusAccepted)
	ask(http.MethodPost, "/leave", http.StatusOK)
	ask(http.MethodPost, "/leave", http.StatusOK)
	<-c.leave
	c.give(Verdict{Wrong: []string{"this"}})
	if said := ask(http.MethodGet, "/verdict", http.StatusOK); !strings.Contains(said, `"wrong":["this"]`) {
		t.Error(said)
	}
}

func newShop(t *testing.T, to embedded.Addresses, patience time.Duration) *shop {
	t.Helper()
	d, err := realDay()
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{client: client.New(platform(to)), day: d, rate: 20, patience: patience, tally: newTally()}
	t.Cleanup(s.client.Close)
	return s
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within two minutes: %s", what)
		case <-tick.C:
		}
	}
}
