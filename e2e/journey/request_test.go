package journey

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/murmuration-dev/murmuration/e2e/client"
)

// expectProblem checks that an answer is a problem of RFC 9457.
func (s shop) expectProblem(a client.Answer, status int, kind string) {
	s.t.Helper()
	var p client.Problem
	if err := json.Unmarshal(a.Body, &p); err != nil {
		s.t.Fatalf("status %d, no JSON: %v in %q", a.Status, err, a.Body)
	}
	if a.Status != status || p.Status != status || p.Type != "urn:murmuration:problem:"+kind {
		s.t.Errorf("status %d, problem %+v; want %d %s", a.Status, p, status, kind)
	}
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		s.t.Errorf("content type %q", got)
	}
	if p.Title == "" || a.Header.Get("X-Correlation-Id") == "" {
		s.t.Errorf("no title or no correlation id: %+v, %v", p, a.Header)
	}
}

func (s shop) post(url, contentType, body string, headers ...string) client.Answer {
	s.t.Helper()
	a, err := s.Raw(s.t.Context(), http.MethodPost, url, contentType, strings.NewReader(body), headers...)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

func TestRequest_ThatIsWrongPlacesNothing(t *testing.T) {
	t.Parallel()
	const (
		malformed = "malformed-request"
		invalid   = "validation-failed"
		largest   = "9223372036854775807"
	)
	one := `{"sku":"A","quantity":1,"amount":100}`
	with := func(lines string) string {
		return `{"order_id":"ID","currency":"GBP","payment_method":"pm_card_visa","lines":[` + lines + `]}`
	}
	lines := func(n int) string { return strings.TrimSuffix(strings.Repeat(one+",", n), ",") }
	for _, c := range []struct {
		name, body string
		status     int
		kind       string
	}{
		{"no body", ``, http.StatusBadRequest, malformed},
		{"cut off", `{"order_id":"ID","currency":"GB`, http.StatusBadRequest, malformed},
		{"two documents", with(one) + with(one), http.StatusBadRequest, malformed},
		{"null", `null`, http.StatusUnprocessableEntity, invalid},
		{"a list", `[` + with(one) + `]`, http.StatusUnprocessableEntity, invalid},
		{"nested too deep", strings.Repeat(`[`, 100_000) + strings.Repeat(`]`, 100_000), http.StatusBadRequest, malformed},
		{"unknown field", strings.Replace(with(one), `{`, `{"discount":1,`, 1), http.StatusUnprocessableEntity, invalid},
		{"unknown field of a line", with(`{"sku":"A","quantity":1,"amount":100,"price":1}`), http.StatusUnprocessableEntity, invalid},
		{"negative quantity", with(`{"sku":"A","quantity":-1,"amount":100}`), http.StatusUnprocessableEntity, invalid},
		{"no quantity", with(`{"sku":"A","amount":100}`), http.StatusUnprocessableEntity, invalid},
		{"quantity 0", with(`{"sku":"A","quantity":0,"amount":100}`), http.StatusUnprocessableEntity, invalid},
		{"half a piece", with(`{"sku":"A","quantity":1.5,"amount":100}`), http.StatusUnprocessableEntity, invalid},
		{"quantity in words", with(`{"sku":"A","quantity":"one","amount":100}`), http.StatusUnprocessableEntity, invalid},
		{"too many pieces", with(`{"sku":"A","quantity":1000001,"amount":100}`), http.StatusUnprocessableEntity, invalid},
		{"negative amount", with(`{"sku":"A","quantity":1,"amount":-1}`), http.StatusUnprocessableEntity, invalid},
		{"amount beyond 64 bits", with(`{"sku":"A","quantity":1,"amount":9223372036854775808}`), http.StatusUnprocessableEntity, invalid},
		{"sum beyond 64 bits", with(`{"sku":"A","quantity":1,"amount":` + largest + `},{"sku":"B","quantity":1,"amount":` + largest + `}`), http.StatusUnprocessableEntity, invalid},
		{"sum beyond the limit", with(`{"sku":"A","quantity":1,"amount":1000000000000},{"sku":"B","quantity":1,"amount":1}`), http.StatusUnprocessableEntity, invalid},
		{"no lines", with(``), http.StatusUnprocessableEntity, invalid},
		{"too many lines", with(lines(1001)), http.StatusUnprocessableEntity, invalid},
		{"unknown kind", with(`{"sku":"A","quantity":1,"amount":1,"kind":"GIFT"}`), http.StatusUnprocessableEntity, invalid},
		{"empty SKU", with(`{"sku":"","quantity":1,"amount":1}`), http.StatusUnprocessableEntity, invalid},
		{"SKU too long", with(`{"sku":"` + strings.Repeat("x", 65) + `","quantity":1,"amount":1}`), http.StatusUnprocessableEntity, invalid},
		{"control character", with(`{"sku":"A\u0000","quantity":1,"amount":1}`), http.StatusUnprocessableEntity, invalid},
		{"unknown currency", strings.Replace(with(one), "GBP", "GBX", 1), http.StatusUnprocessableEntity, invalid},
		{"currency in lower case", strings.Replace(with(one), "GBP", "gbp", 1), http.StatusUnprocessableEntity, invalid},
		{"no payment method", strings.Replace(with(one), `"payment_method":"pm_card_visa",`, ``, 1), http.StatusUnprocessableEntity, invalid},
		{"negative deadline", strings.Replace(with(one), `{`, `{"deadline_seconds":-1,`, 1), http.StatusUnprocessableEntity, invalid},
		{"deadline in years", strings.Replace(with(one), `{`, `{"deadline_seconds":99999999,`, 1), http.StatusUnprocessableEntity, invalid},
		{"too large", with(one + strings.Repeat(" ", 1<<20)), http.StatusRequestEntityTooLarge, "body-too-large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := visit(t)
			id := s.id()
			s.expectProblem(s.post(platform.Addresses().Order.API+"/orders", "", strings.Replace(c.body, `"ID"`, `"`+id+`"`, 1)), c.status, c.kind)
			if _, err := s.Order(t.Context(), id); client.StatusOf(err) != http.StatusNotFound {
				t.Errorf("something was placed: %v", err)
			}
		})
	}
}

func TestRequest_NeedsAnOrderIDThatIsSafeEverywhere(t *testing.T) {
	t.Parallel()
	s := visit(t)
	for _, id := range []string{"a/b", "a b", "ä", "a\nb", "../x", strings.Repeat("x", 65)} {
		o := s.basket(visa, line("A", 1, 1))
		o.OrderID = id
		if _, err := s.Place(t.Context(), o); client.StatusOf(err) != http.StatusUnprocessableEntity {
			t.Errorf("order id %q: %v, want 422", id, err)
		}
	}
}

func TestRequest_ThatNobodyTakesIsAProblemToo(t *testing.T) {
	t.Parallel()
	s := visit(t)
	a := platform.Addresses()
	for _, c := range []struct {
		method, url, contentType string
		status                   int
		kind                     string
	}{
		{http.MethodPost, a.Order.API + "/orders", "text/plain", http.StatusUnsupportedMediaType, "unsupported-media-type"},
		{http.MethodDelete, a.Order.API + "/orders/x", "", http.StatusMethodNotAllowed, "method-not-allowed"},
		{http.MethodPost, a.Payment.API + "/payments/x", "", http.StatusMethodNotAllowed, "method-not-allowed"},
		{http.MethodGet, a.Order.API + "/nothing", "", http.StatusNotFound, "not-found"},
		{http.MethodGet, a.Order.API + "/orders/unknown", "", http.StatusNotFound, "not-found"},
		{http.MethodGet, a.Order.API + "/orders/unknown?wait=1s", "", http.StatusNotFound, "not-found"},
		{http.MethodGet, a.Order.API + "/orders/unknown/history", "", http.StatusNotFound, "not-found"},
		{http.MethodPost, a.Order.API + "/orders/unknown/cancel", "", http.StatusNotFound, "not-found"},
		{http.MethodGet, a.Payment.API + "/payments/unknown", "", http.StatusNotFound, "not-found"},
		{http.MethodGet, a.Payment.API + "/payments/unknown/history", "", http.StatusNotFound, "not-found"},
		{http.MethodGet, a.Inventory.API + "/stock/unknown", "", http.StatusNotFound, "not-found"},
		{http.MethodGet, a.Inventory.API + "/stock/unknown/history", "", http.StatusNotFound, "not-found"},
		{http.MethodGet, a.Inventory.API + "/reservations/unknown", "", http.StatusNotFound, "not-found"},
		{http.MethodGet, a.Order.API + "/orders/x?wait=2m", "", http.StatusUnprocessableEntity, "validation-failed"},
		{http.MethodGet, a.Order.API + "/orders/x?wait=soon", "", http.StatusUnprocessableEntity, "validation-failed"},
		{http.MethodGet, a.Order.API + "/orders?status=LOST", "", http.StatusUnprocessableEntity, "validation-failed"},
		{http.MethodGet, a.Order.API + "/orders?limit=0", "", http.StatusUnprocessableEntity, "validation-failed"},
		{http.MethodGet, a.Order.API + "/orders?limit=1001", "", http.StatusUnprocessableEntity, "validation-failed"},
	} {
		got, err := s.Raw(t.Context(), c.method, c.url, c.contentType, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		t.Log(c.method, c.url)
		s.expectProblem(got, c.status, c.kind)
	}
}

func TestRequest_OfStockThatIsWrongMovesNothing(t *testing.T) {
	t.Parallel()
	s := visit(t)
	sku := s.sku(5)
	to := platform.Addresses().Inventory.API + "/stock/" + sku
	for _, body := range []string{
		`{"id":"m","quantity":0}`, `{"id":"m","quantity":-5}`, `{"id":"m"}`, `{"quantity":5}`, `{"id":"","quantity":5}`,
		`{"id":"m","quantity":1000000001}`, `{"id":"m","quantity":1,"colour":"red"}`, `{"id":"` + strings.Repeat("x", 65) + `","quantity":1}`,
	} {
		s.expectProblem(s.post(to+"/receipts", "", body), http.StatusUnprocessableEntity, "validation-failed")
		s.expectProblem(s.post(to+"/write-offs", "", body), http.StatusUnprocessableEntity, "validation-failed")
	}
	s.expectStock(sku, 5, 0)
}

func TestIdempotencyKey_GetsTheSameAnswerAgain(t *testing.T) {
	t.Parallel()
	s := visit(t)
	sku := s.sku(10)
	url, key := platform.Addresses().Order.API+"/orders", s.id()
	body := fmt.Sprintf(`{"currency":"GBP","payment_method":"pm_card_visa","lines":[{"sku":%q,"quantity":1,"amount":100}]}`, sku)
	const requests = 8
	answers := make([]client.Answer, requests)
	var asking sync.WaitGroup
	for i := range answers {
		asking.Go(func() { answers[i] = s.post(url, "", body, "Idempotency-Key", key) })
	}
	asking.Wait()
	var first client.Order
	if err := json.Unmarshal(answers[0].Body, &first); err != nil {
		t.Fatal(err)
	}
	if s.settle(first.OrderID).Status != client.Completed {
		t.Errorf("order %s did not complete", first.OrderID)
	}
	answers = append(answers, s.post(url, "", body, "Idempotency-Key", key)) // the order has moved on meanwhile
	for i, a := range answers {
		if a.Status != http.StatusCreated || string(a.Body) != string(answers[0].Body) {
			t.Errorf("answer %d: %d %s, want that of the first: %s", i, a.Status, a.Body, answers[0].Body)
		}
		if got := a.Header.Get("Location"); got != "/orders/"+first.OrderID {
			t.Errorf("answer %d points to %s, the order is %s", i, got, first.OrderID)
		}
	}
	s.expectStock(sku, 9, 0)
	s.expectMoney(first.OrderID, 100, 0)
	other := strings.Replace(body, `"amount":100`, `"amount":101`, 1)
	s.expectProblem(s.post(url, "", other, "Idempotency-Key", key), http.StatusUnprocessableEntity, "idempotency-key-reused")
}

func TestOrderID_IsTakenOnce(t *testing.T) {
	t.Parallel()
	s := visit(t)
	o := s.basket(visa, line(s.sku(2), 1, 100))
	s.place(o)
	if _, err := s.Place(t.Context(), o); client.StatusOf(err) != http.StatusConflict {
		t.Errorf("the same order id again: %v, want 409", err)
	}
	s.expectStatus(s.settle(o.OrderID), client.Completed, "")
}
