package gateway_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/murmuration-dev/murmuration/services/payment/gatewaysim"
	"github.com/murmuration-dev/murmuration/services/payment/internal/gateway"
)

func wantPayment(t *testing.T, p gateway.Payment, err error, status gateway.Status, captured, refunded int64) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if p.Status != status || p.Captured != captured || p.Refunded != refunded || p.Amount != 1000 || p.Currency != "GBP" {
		t.Fatalf("got %+v, want %s, captured %d, refunded %d", p, status, captured, refunded)
	}
}

func wantRefused(t *testing.T, err error, code string) {
	t.Helper()
	var refused *gateway.RefusedError
	if !errors.As(err, &refused) || refused.Code != code {
		t.Fatalf("got %v, want refusal %s", err, code)
	}
	if errors.Is(err, gateway.ErrUnavailable) {
		t.Fatalf("a refusal is not an unknown outcome: %v", err)
	}
}

func wantUnavailable(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, gateway.ErrUnavailable) {
		t.Fatalf("got %v, want an unknown outcome", err)
	}
	var refused *gateway.RefusedError
	var invalid *gateway.InvalidError
	if errors.As(err, &refused) || errors.As(err, &invalid) {
		t.Fatalf("an unknown outcome is nothing else: %v", err)
	}
}

func wantInvalid(t *testing.T, err error, status int) {
	t.Helper()
	var invalid *gateway.InvalidError
	if !errors.As(err, &invalid) || invalid.HTTPStatus != status {
		t.Fatalf("got %v, want an invalid request with status %d", err, status)
	}
}

func TestStripe_HoldsThenCapturesThenRefunds(t *testing.T) {
	f := start(t)
	c, ctx := f.client(patient), t.Context()
	id := f.create("pm_card_visa")
	p, err := c.Get(ctx, id)
	wantPayment(t, p, err, gateway.Created, 0, 0)
	if e := f.entry(); e.Held != 0 || e.OrderID != "order-1" {
		t.Fatalf("creating holds nothing for order-1: %+v", e)
	}
	p, err = c.Confirm(ctx, id, "confirm")
	wantPayment(t, p, err, gateway.Authorized, 0, 0)
	if e := f.entry(); e.Held != 1000 {
		t.Fatalf("confirming holds all: %+v", e)
	}
	p, err = c.Capture(ctx, id, "capture")
	wantPayment(t, p, err, gateway.Captured, 1000, 0)
	p, err = c.Refund(ctx, id, 300, "refund 0 to 300")
	wantPayment(t, p, err, gateway.Captured, 1000, 300)
	p, err = c.Refund(ctx, id, 700, "refund 300 to 1000")
	wantPayment(t, p, err, gateway.Captured, 1000, 1000)
	want := gatewaysim.Entry{
		ID: id, OrderID: "order-1", Currency: "GBP", Amount: 1000, Authorized: 1000, Captured: 1000, Refunded: 1000,
		Status: "succeeded", Confirms: 1, Captures: 1, Tries: 1,
	}
	if e := f.entry(); e != want {
		t.Fatalf("got %+v, want %+v", e, want)
	}
}

func TestStripe_Declines(t *testing.T) {
	for method, code := range map[string]string{
		"pm_card_chargeDeclined":                  "generic_decline",
		"pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
	} {
		t.Run(method, func(t *testing.T) {
			f := start(t)
			id := f.create(method)
			for _, key := range []string{"confirm", "confirm", "another key"} {
				_, err := f.client(patient).Confirm(t.Context(), id, key)
				wantRefused(t, err, code)
			}
			p, err := f.client(patient).Get(t.Context(), id)
			wantPayment(t, p, err, gateway.Declined, 0, 0)
			if p.Reason != code {
				t.Fatalf("reason %q, want %q", p.Reason, code)
			}
			p, err = f.client(patient).Cancel(t.Context(), id, "cancel")
			wantPayment(t, p, err, gateway.Canceled, 0, 0)
		})
	}
}

func TestStripe_UnknownCardIsTheCustomersRefusal(t *testing.T) {
	f := start(t)
	_, err := f.client(patient).Create(t.Context(), gateway.CreateRequest{
		IdempotencyKey: "create", OrderID: "order-1", Amount: 1000, Currency: "GBP", PaymentMethod: "pm_nobodys",
	})
	wantRefused(t, err, "resource_missing")
}

func TestStripe_RefusedCaptureLeavesAHoldToCancel(t *testing.T) {
	f := start(t)
	id := f.authorized("pm_sim_captureRefused")
	c, ctx := f.client(patient), t.Context()
	for _, key := range []string{"capture", "capture", "another key"} {
		_, err := c.Capture(ctx, id, key)
		wantRefused(t, err, "revocation_of_authorization")
	}
	p, err := c.Get(ctx, id)
	wantPayment(t, p, err, gateway.Authorized, 0, 0)
	p, err = c.Cancel(ctx, id, "cancel")
	wantPayment(t, p, err, gateway.Canceled, 0, 0)
	if e := f.entry(); e.Held != 0 || e.Captured != 0 {
		t.Fatalf("no money is held or taken: %+v", e)
	}
}

func TestStripe_CreateRepeatsUntilItsKeyExpires(t *testing.T) {
	f := start(t)
	first := f.create("pm_card_visa")
	if again := f.create("pm_card_visa"); again != first {
		t.Fatalf("the same key made %s and %s", first, again)
	}
	_, err := f.client(patient).Create(t.Context(), gateway.CreateRequest{
		IdempotencyKey: "create", OrderID: "order-1", Amount: 1001, Currency: "GBP", PaymentMethod: "pm_card_visa",
	})
	wantInvalid(t, err, 400)
	f.clock.advance(keyTTL)
	if again := f.create("pm_card_visa"); again == first {
		t.Fatal("the key did not expire")
	}
	totals, err := f.control.Totals(t.Context())
	if err != nil || totals["GBP"] != (gatewaysim.Sum{Payments: 2}) {
		t.Fatalf("two payments that hold nothing, got %+v, %v", totals, err)
	}
}

func TestStripe_StepsStayDoneAfterTheirKeysExpire(t *testing.T) {
	f := start(t)
	c, ctx := f.client(patient), t.Context()
	id := f.captured("pm_card_visa")
	p, err := c.Refund(ctx, id, 400, "refund 0 to 400")
	wantPayment(t, p, err, gateway.Captured, 1000, 400)
	for range 3 {
		f.clock.advance(keyTTL)
		p, err = c.Confirm(ctx, id, "confirm")
		wantPayment(t, p, err, gateway.Captured, 1000, 400)
		p, err = c.Capture(ctx, id, "capture")
		wantPayment(t, p, err, gateway.Captured, 1000, 400)
		p, err = c.Refund(ctx, id, 400, "refund 0 to 400")
		wantPayment(t, p, err, gateway.Captured, 1000, 400)
	}
}

func TestStripe_RepeatedAnswerTellsWhatIsTrueNow(t *testing.T) {
	f := start(t)
	c, ctx := f.client(patient), t.Context()
	id := f.authorized("pm_card_visa")
	p, err := c.Cancel(ctx, id, "cancel")
	wantPayment(t, p, err, gateway.Canceled, 0, 0)
	_, err = c.Confirm(ctx, id, "confirm")
	wantRefused(t, err, "payment_intent_unexpected_state")
	p, err = c.Cancel(ctx, id, "another key")
	wantPayment(t, p, err, gateway.Canceled, 0, 0)
}

func TestStripe_StepsOutOfOrderAreRefused(t *testing.T) {
	f := start(t)
	c, ctx := f.client(patient), t.Context()
	id := f.create("pm_card_visa")
	_, err := c.Capture(ctx, id, "too early")
	wantRefused(t, err, "payment_intent_unexpected_state")
	_, err = c.Refund(ctx, id, 1, "too early for a refund")
	wantRefused(t, err, "payment_intent_unexpected_state")
	_, err = c.Confirm(ctx, id, "confirm")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Capture(ctx, id, "capture")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Cancel(ctx, id, "too late")
	wantRefused(t, err, "payment_intent_unexpected_state")
}

func TestStripe_RefundsNeverExceedTheCapture(t *testing.T) {
	f := start(t)
	c, ctx := f.client(patient), t.Context()
	id := f.captured("pm_card_visa")
	p, err := c.Refund(ctx, id, 600, "0 to 600")
	wantPayment(t, p, err, gateway.Captured, 1000, 600)
	_, err = c.Refund(ctx, id, 401, "600 to 1001")
	wantInvalid(t, err, 400)
	_, err = c.Refund(ctx, id, 400, "0 to 600")
	wantInvalid(t, err, 0)
	p, err = c.Refund(ctx, id, 400, "600 to 1000")
	wantPayment(t, p, err, gateway.Captured, 1000, 1000)
	_, err = c.Refund(ctx, id, 1, "1000 to 1001")
	wantRefused(t, err, "charge_already_refunded")
	p, err = c.Refund(ctx, id, 400, "600 to 1000")
	wantPayment(t, p, err, gateway.Captured, 1000, 1000)
}

func TestStripe_ConcurrentRefundsStayWithinTheCapture(t *testing.T) {
	f := start(t)
	c := f.client(patient)
	id := f.captured("pm_card_visa")
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_, err := c.Refund(t.Context(), id, 150, fmt.Sprint("refund ", i%10))
			var refused *gateway.RefusedError
			var invalid *gateway.InvalidError
			if err != nil && !errors.As(err, &refused) && !errors.As(err, &invalid) {
				t.Errorf("refund %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if e := f.entry(); e.Refunded != 900 {
		t.Fatalf("six refunds of 150 fit into 1000: %+v", e)
	}
}

func TestStripe_LedgerSurvivesTheGatewaysEnd(t *testing.T) {
	f := start(t)
	c, ctx := f.client(patient), t.Context()
	id := f.captured("pm_card_visa")
	before := f.entry()
	f.end()
	_, err := c.Get(ctx, id)
	wantUnavailable(t, err)
	f.open()
	if after := f.entry(); after != before {
		t.Fatalf("before %+v, after %+v", before, after)
	}
	p, err := c.Capture(ctx, id, "capture")
	wantPayment(t, p, err, gateway.Captured, 1000, 0)
	p, err = c.Refund(ctx, id, 1000, "refund")
	wantPayment(t, p, err, gateway.Captured, 1000, 1000)
}
