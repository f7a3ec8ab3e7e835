package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/murmuration-dev/murmuration/services/payment/gatewaysim"
	"github.com/murmuration-dev/murmuration/services/payment/internal/gateway"
)

func TestStripe_TimeoutIsUnknownAndTheRetryWorks(t *testing.T) {
	f := start(t)
	id := f.create("pm_sim_timeoutOnce")
	_, err := f.client(impatient).Confirm(t.Context(), id, "confirm")
	wantUnavailable(t, err)
	p, err := f.client(patient).Get(t.Context(), id)
	wantPayment(t, p, err, gateway.Created, 0, 0)
	p, err = f.client(patient).Confirm(t.Context(), id, "confirm")
	wantPayment(t, p, err, gateway.Authorized, 0, 0)
	if e := f.entry(); e.Confirms != 1 || e.Tries != 2 {
		t.Fatalf("two tries, one effect: %+v", e)
	}
}

func TestStripe_CallersDeadlineIsUnknown(t *testing.T) {
	f := start(t)
	id := f.create("pm_sim_timeoutOnce")
	ctx, cancel := context.WithTimeout(t.Context(), impatient)
	defer cancel()
	_, err := f.client(patient).Confirm(ctx, id, "confirm")
	wantUnavailable(t, err)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the cause is lost: %v", err)
	}
}

func TestStripe_LateConfirmAfterCancelIsRefused(t *testing.T) {
	f := start(t)
	id := f.create("pm_sim_lateOnce")
	_, err := f.client(impatient).Confirm(t.Context(), id, "confirm")
	wantUnavailable(t, err)
	p, err := f.client(patient).Cancel(t.Context(), id, "cancel")
	wantPayment(t, p, err, gateway.Canceled, 0, 0)
	// The late confirm stores its refusal under its key when it arrives; until then
	// a repetition is refused all the same.
	for _, key := range []string{"confirm", "another key"} {
		_, err = f.client(patient).Confirm(t.Context(), id, key)
		wantRefused(t, err, "payment_intent_unexpected_state")
	}
	if e := f.entry(); e.Held != 0 || e.Confirms != 0 {
		t.Fatalf("a cancelled payment holds nothing: %+v", e)
	}
}

func TestStripe_LateConfirmHoldsOnce(t *testing.T) {
	f := start(t)
	id := f.create("pm_sim_lateOnce")
	_, err := f.client(impatient).Confirm(t.Context(), id, "confirm")
	wantUnavailable(t, err)
	eventually(t, "the late confirm arrives", func() bool { return f.entry().Held == 1000 })
	p, err := f.client(patient).Confirm(t.Context(), id, "confirm")
	wantPayment(t, p, err, gateway.Authorized, 0, 0)
	if e := f.entry(); e.Confirms != 1 {
		t.Fatalf("held once: %+v", e)
	}
}

func TestStripe_LostAnswerOfConfirmHoldsOnce(t *testing.T) {
	for name, key := range map[string]string{"same key": "confirm", "forgotten key": "another key"} {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			id := f.create("pm_sim_chargedThenTimeout")
			_, err := f.client(patient).Confirm(t.Context(), id, "confirm")
			wantUnavailable(t, err)
			p, err := f.client(patient).Get(t.Context(), id)
			wantPayment(t, p, err, gateway.Authorized, 0, 0)
			p, err = f.client(patient).Confirm(t.Context(), id, key)
			wantPayment(t, p, err, gateway.Authorized, 0, 0)
			if e := f.entry(); e.Confirms != 1 || e.Held != 1000 {
				t.Fatalf("held once: %+v", e)
			}
		})
	}
}

func TestStripe_LostAnswerOfCaptureTakesOnce(t *testing.T) {
	for name, key := range map[string]string{"same key": "capture", "forgotten key": "another key"} {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			id := f.authorized("pm_sim_captureChargedThenTimeout")
			_, err := f.client(patient).Capture(t.Context(), id, "capture")
			wantUnavailable(t, err)
			p, err := f.client(patient).Get(t.Context(), id)
			wantPayment(t, p, err, gateway.Captured, 1000, 0)
			p, err = f.client(patient).Capture(t.Context(), id, key)
			wantPayment(t, p, err, gateway.Captured, 1000, 0)
			if e := f.entry(); e.Captures != 1 || e.Captured != 1000 {
				t.Fatalf("taken once: %+v", e)
			}
		})
	}
}

func TestStripe_NeverSendsAgainOnItsOwn(t *testing.T) {
	f := start(t)
	c := f.client(patient)
	for i, method := range []string{"pm_sim_unavailableTwice", "pm_sim_rateLimitedOnce", "pm_sim_chargedThenTimeout"} {
		p, err := c.Create(t.Context(), gateway.CreateRequest{
			IdempotencyKey: method, OrderID: method, Amount: 1000, Currency: "GBP", PaymentMethod: method,
		})
		wantPayment(t, p, err, gateway.Created, 0, 0)
		// The connection is warm: the transport would be tempted to repeat.
		_, err = c.Confirm(t.Context(), p.ID, "confirm "+method)
		wantUnavailable(t, err)
		var tries []int
		for e, err := range f.control.Ledger(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			tries = append(tries, e.Tries)
		}
		if tries[i] != 1 {
			t.Errorf("%s: %d tries reached the gateway, want 1", method, tries[i])
		}
	}
}

func TestStripe_UnavailableTwiceThenDone(t *testing.T) {
	f := start(t)
	id := f.create("pm_sim_unavailableTwice")
	c := f.client(patient)
	for range 2 {
		_, err := c.Confirm(t.Context(), id, "confirm")
		wantUnavailable(t, err)
	}
	p, err := c.Confirm(t.Context(), id, "confirm")
	wantPayment(t, p, err, gateway.Authorized, 0, 0)
}

func TestStripe_DownThenBack(t *testing.T) {
	f := start(t)
	c, ctx := f.client(patient), t.Context()
	id := f.create("pm_card_visa")
	if err := f.control.SetFaults(ctx, gatewaysim.Faults{Down: true}); err != nil {
		t.Fatal(err)
	}
	calls := map[string]func() (gateway.Payment, error){
		"create": func() (gateway.Payment, error) {
			return c.Create(ctx, gateway.CreateRequest{
				IdempotencyKey: "other", OrderID: "order-2", Amount: 5, Currency: "GBP", PaymentMethod: "pm_card_visa",
			})
		},
		"get":     func() (gateway.Payment, error) { return c.Get(ctx, id) },
		"confirm": func() (gateway.Payment, error) { return c.Confirm(ctx, id, "confirm") },
		"capture": func() (gateway.Payment, error) { return c.Capture(ctx, id, "capture") },
		"cancel":  func() (gateway.Payment, error) { return c.Cancel(ctx, id, "cancel") },
		"refund":  func() (gateway.Payment, error) { return c.Refund(ctx, id, 5, "refund") },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			_, err := call()
			wantUnavailable(t, err)
		})
	}
	if err := f.control.SetFaults(ctx, gatewaysim.Faults{}); err != nil {
		t.Fatal(err)
	}
	if e := f.entry(); e.Status != "requires_confirmation" || e.Tries != 0 {
		t.Fatalf("nothing was done while down: %+v", e)
	}
	p, err := c.Confirm(ctx, id, "confirm")
	wantPayment(t, p, err, gateway.Authorized, 0, 0)
}

func TestStripe_RandomErrorsNeverDoubleAnEffect(t *testing.T) {
	f := start(t)
	ctx := t.Context()
	id := f.create("pm_card_visa")
	for seed := range uint64(5) {
		if err := f.control.SetFaults(ctx, gatewaysim.Faults{ErrorRate: 0.6, Seed: seed}); err != nil {
			t.Fatal(err)
		}
		c := f.client(patient)
		insist := func(call func() (gateway.Payment, error)) {
			const enough = 200
			for range enough {
				_, err := call()
				if err == nil {
					return
				}
				wantUnavailable(t, err)
			}
			t.Fatalf("seed %d: no success in %d attempts", seed, enough)
		}
		insist(func() (gateway.Payment, error) { return c.Confirm(ctx, id, fmt.Sprint("confirm ", seed)) })
		insist(func() (gateway.Payment, error) { return c.Capture(ctx, id, fmt.Sprint("capture ", seed)) })
		insist(func() (gateway.Payment, error) { return c.Refund(ctx, id, 100, fmt.Sprint("refund ", seed)) })
	}
	if e := f.entry(); e.Confirms != 1 || e.Captures != 1 || e.Captured != 1000 || e.Refunded != 500 {
		t.Fatalf("five rounds: one hold, one capture, five refunds of 100: %+v", e)
	}
}
