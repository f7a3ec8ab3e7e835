package gatewaysim

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestServer_RefusesWrongRequestsAsStripeDoes(t *testing.T) {
	s := start(t, Config{})
	id := s.captured()
	with := func(change ...string) []string {
		form := intent("pm_card_visa")
		for i := 0; i < len(form); i += 2 {
			if form[i] == change[0] {
				form[i+1] = change[1]
				return form
			}
		}
		return append(form, change...)
	}
	const intents = "/v1/payment_intents"
	cases := []struct {
		name   string
		path   string
		form   []string
		status int
		code   string
		param  string
	}{
		{"no amount", intents, with("amount", ""), 400, "parameter_missing", "amount"},
		{"amount zero", intents, with("amount", "0"), 400, "parameter_invalid_integer", "amount"},
		{"amount below zero", intents, with("amount", "-5"), 400, "parameter_invalid_integer", "amount"},
		{"amount with a fraction", intents, with("amount", "1.5"), 400, "parameter_invalid_integer", "amount"},
		{"amount beyond measure", intents, with("amount", "1000000000000"), 400, "parameter_invalid_integer", "amount"},
		{"strange currency", intents, with("currency", "g1p"), 400, "", "currency"},
		{"automatic capture", intents, with("capture_method", "automatic"), 400, "", "capture_method"},
		{"confirm at once", intents, with("confirm", "true"), 400, "", "confirm"},
		{"unknown parameter", intents, with("colour", "red"), 400, "parameter_unknown", "colour"},
		{"unknown card", intents, with("payment_method", "pm_x"), 400, "resource_missing", "payment_method"},
		{"confirm of nothing", intents + "/pi_x/confirm", nil, 404, "resource_missing", "intent"},
		{"capture of nothing", intents + "/pi_x/capture", nil, 404, "resource_missing", "intent"},
		{"cancel of nothing", intents + "/pi_x/cancel", nil, 404, "resource_missing", "intent"},
		{"refund of nothing", "/v1/refunds", []string{"payment_intent", "pi_x"}, 404, "resource_missing", "payment_intent"},
		{"cancel after capture", intents + "/" + id + "/cancel", nil, 400, "payment_intent_unexpected_state", ""},
		{"second capture", intents + "/" + id + "/capture", nil, 400, "payment_intent_unexpected_state", ""},
		{"confirm after capture", intents + "/" + id + "/confirm", nil, 400, "payment_intent_unexpected_state", ""},
		{"refund of too much", "/v1/refunds", []string{"payment_intent", id, "amount", "1001"}, 400, "", "amount"},
		{"unknown address", "/v1/customers", nil, 404, "", ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			a := s.post(tc.path, "", tc.form...)
			s.wantError(a, tc.status, invalidRequest, tc.code)
			if a.Error.Param != tc.param {
				t.Errorf("param %q, want %q", a.Error.Param, tc.param)
			}
		})
	}
	s.wantError(s.get("/v1/payment_intents/pi_x"), 404, invalidRequest, "resource_missing")
	s.wantError(s.get("/v1/refunds?payment_intent=pi_x"), 404, invalidRequest, "resource_missing")
	s.wantError(s.get("/v1/refunds?limit=0&payment_intent="+id), 400, invalidRequest, "")
	if n := len(s.ledger()); n != 1 {
		t.Errorf("wrong requests made payments: %d", n)
	}
}

func TestServer_RefusesOversizedRequests(t *testing.T) {
	s := start(t, Config{})
	big := append(intent("pm_card_visa"), "description", strings.Repeat("x", bodyLimit))
	s.wantError(s.post("/v1/payment_intents", "", big...), 400, invalidRequest, "")
	s.wantError(s.post("/v1/payment_intents", strings.Repeat("k", keyLimit+1), intent("pm_card_visa")...), 400, invalidRequest, "")
}

func TestServer_WantsItsAPIKey(t *testing.T) {
	s := start(t, Config{APIKey: "sk_live_other"})
	s.wantError(s.get("/v1/payment_intents/pi_x"), 401, invalidRequest, "")
}

func TestServer_SendsThePaymentWithADecline(t *testing.T) {
	s := start(t, Config{})
	id := s.create("pm_card_chargeDeclinedInsufficientFunds")
	a := s.post("/v1/payment_intents/"+id+"/confirm", "")
	s.wantError(a, 402, cardError, "card_declined")
	if e := a.Error; e.DeclineCode != "insufficient_funds" || e.PaymentIntent == nil ||
		e.PaymentIntent.Status != requiresPaymentMethod || e.PaymentIntent.LastPaymentError == nil {
		t.Fatalf("incomplete decline: %s", a.raw)
	}
}

func TestServer_AnotherCardCanBeTriedAfterADecline(t *testing.T) {
	s := start(t, Config{})
	id := s.create("pm_card_chargeDeclined")
	s.wantError(s.post("/v1/payment_intents/"+id+"/confirm", ""), 402, cardError, "card_declined")
	s.wantError(s.post("/v1/payment_intents/"+id+"/confirm", ""), 400, invalidRequest, "payment_intent_unexpected_state")
	s.want(s.post("/v1/payment_intents/"+id+"/confirm", "", "payment_method", "pm_card_visa"), requiresCapture)
}

func TestServer_PartialCaptureGivesTheRestBack(t *testing.T) {
	s := start(t, Config{})
	id := s.create("pm_card_visa")
	s.want(s.post("/v1/payment_intents/"+id+"/confirm", ""), requiresCapture)
	s.wantError(s.post("/v1/payment_intents/"+id+"/capture", "", "amount_to_capture", "1001"), 400, invalidRequest, "amount_too_large")
	s.want(s.post("/v1/payment_intents/"+id+"/capture", "", "amount_to_capture", "600"), succeeded)
	if e := s.ledger()[0]; e.Captured != 600 || e.Held != 0 || e.Authorized != 1000 {
		t.Fatalf("%+v", e)
	}
	s.wantError(s.post("/v1/refunds", "", "payment_intent", id, "amount", "601"), 400, invalidRequest, "")
}

func TestServer_ExpandsReferencesOnRequest(t *testing.T) {
	s := start(t, Config{})
	id := s.captured()
	plain := s.get("/v1/payment_intents/" + id)
	expanded := s.get("/v1/payment_intents/" + id + "?expand[0]=latest_charge")
	if !strings.Contains(plain.raw, `"latest_charge":"ch_`) || !strings.Contains(expanded.raw, `"latest_charge":{"id":"ch_`) {
		t.Fatalf("plain %s\nexpanded %s", plain.raw, expanded.raw)
	}
	refund := s.post("/v1/refunds", "", "payment_intent", id, "amount", "10", "expand[]", "payment_intent.latest_charge")
	if !strings.Contains(refund.raw, `"amount_refunded":10`) {
		t.Fatalf("refund %s", refund.raw)
	}
}

func TestServer_ListsRefundsNewestFirstInPages(t *testing.T) {
	s := start(t, Config{})
	id := s.captured()
	for amount := range 5 {
		a := s.post("/v1/refunds", "", "payment_intent", id, "amount", fmt.Sprint(amount+1), "metadata[n]", fmt.Sprint(amount+1))
		if a.code != http.StatusOK {
			t.Fatal(a.raw)
		}
	}
	var seen []string
	for after := ""; ; {
		page := s.get("/v1/refunds?limit=2&payment_intent=" + id + "&starting_after=" + after)
		for _, r := range page.Data {
			seen = append(seen, r.Metadata["n"])
			after = r.ID
		}
		if !page.More {
			break
		}
	}
	if got := strings.Join(seen, " "); got != "5 4 3 2 1" {
		t.Fatalf("got %s", got)
	}
}

func TestServer_SameKeySameAnswerUntilItExpires(t *testing.T) {
	s := start(t, Config{KeyTTL: time.Hour})
	first := s.post("/v1/payment_intents", "key", intent("pm_card_visa")...)
	s.clock.advance(time.Hour - time.Millisecond)
	again := s.post("/v1/payment_intents", "key", intent("pm_card_visa")...)
	if again.raw != first.raw || !again.replayed || first.replayed {
		t.Fatalf("first %s\nagain %s", first.raw, again.raw)
	}
	other := s.post("/v1/payment_intents", "key", intent("pm_card_chargeDeclined")...)
	s.wantError(other, 400, idempotencyError, "")
	elsewhere := s.post("/v1/payment_intents/"+first.ID+"/confirm", "key")
	s.wantError(elsewhere, 400, idempotencyError, "")
	s.clock.advance(time.Millisecond)
	if late := s.post("/v1/payment_intents", "key", intent("pm_card_visa")...); late.ID == first.ID || late.replayed {
		t.Fatalf("the key did not expire: %s", late.raw)
	}
}

func TestServer_ExpiredKeysAreRemoved(t *testing.T) {
	s := start(t, Config{KeyTTL: time.Hour})
	for i := range 20 {
		s.post("/v1/payment_intents", fmt.Sprint("key ", i), intent("pm_card_visa")...)
	}
	s.clock.advance(2 * time.Hour)
	s.create("pm_card_visa")
	var left int
	err := s.server.ledger.do(func(t *tx) error {
		return t.ledger.conn.QueryRowContext(context.Background(), `SELECT count(*) FROM answers`).Scan(&left)
	})
	if err != nil || left != 0 {
		t.Fatalf("%d keys left, %v", left, err)
	}
}

func TestServer_DeclineIsRepeatedUnderItsKey(t *testing.T) {
	s := start(t, Config{})
	id := s.create("pm_card_chargeDeclined")
	first := s.post("/v1/payment_intents/"+id+"/confirm", "key")
	again := s.post("/v1/payment_intents/"+id+"/confirm", "key")
	s.wantError(again, 402, cardError, "card_declined")
	if !again.replayed || again.raw != first.raw {
		t.Fatalf("first %s\nagain %s", first.raw, again.raw)
	}
}

func TestServer_WrongRequestsLeaveTheirKeyUnused(t *testing.T) {
	s := start(t, Config{})
	s.wantError(s.post("/v1/payment_intents", "key", "amount", "1"), 400, invalidRequest, "")
	s.want(s.post("/v1/payment_intents", "key", intent("pm_card_visa")...), requiresConfirmation)
}

func TestServer_ConcurrentRequestsWithOneKeyMakeOnePayment(t *testing.T) {
	s := start(t, Config{})
	var wg sync.WaitGroup
	ids := make([]string, 16)
	for i := range ids {
		wg.Go(func() {
			a, err := s.try(t.Context(), http.MethodPost, "/v1/payment_intents", "key", intent("pm_card_visa")...)
			if err != nil {
				t.Error(err)
			}
			ids[i] = a.ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] || id == "" {
			t.Fatalf("several payments: %v", ids)
		}
	}
	if n := len(s.ledger()); n != 1 {
		t.Fatalf("%d payments", n)
	}
}

func TestServer_FullQueueIsARateLimit(t *testing.T) {
	s := start(t, Config{})
	l := s.server.ledger
	entered, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := l.do(func(*tx) error { close(entered); <-release; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-entered
	filler := make([]*job, queueLimit)
	for i := range filler {
		filler[i] = &job{run: func(*tx) error { return nil }, done: make(chan struct{})}
		l.jobs <- filler[i]
	}
	s.wantError(s.post("/v1/payment_intents", "", intent("pm_card_visa")...), 429, invalidRequest, "rate_limit")
	close(release)
	wg.Wait()
	for _, j := range filler {
		<-j.done
	}
	s.create("pm_card_visa")
}
