package memory_test

import (
	"context"
	"errors"
	"testing"

	"github.com/murmuration-dev/murmuration/services/payment/gatewaysim/memory"
	"github.com/murmuration-dev/murmuration/services/payment/internal/gateway"
)

func direct(_ context.Context, _, _ string, effect func() error) error { return effect() }

func TestGateway_TakesMoneyOnceHoweverOftenItIsAsked(t *testing.T) {
	ledger := memory.NewLedger()
	g := ledger.Through(direct)
	ctx := t.Context()
	var id string
	for range 2 {
		p, err := g.Create(ctx, gateway.CreateRequest{IdempotencyKey: "c", OrderID: "o", Amount: 10, Currency: "GBP"})
		if err != nil {
			t.Fatal(err)
		}
		id = p.ID
	}
	for range 2 {
		if p, err := g.Confirm(ctx, id, "f"); err != nil || p.Status != gateway.Authorized {
			t.Fatal(p, err)
		}
	}
	for range 2 {
		if p, err := g.Capture(ctx, id, "k"); err != nil || p.Captured != 10 {
			t.Fatal(p, err)
		}
	}
	for range 2 {
		if p, err := g.Refund(ctx, id, 4, "r"); err != nil || p.Refunded != 4 {
			t.Fatal(p, err)
		}
	}
	var refused *gateway.RefusedError
	if _, err := g.Refund(ctx, id, 7, "r2"); !errors.As(err, &refused) {
		t.Fatalf("got %v for a refund of more than is left", err)
	}
	if _, err := g.Cancel(ctx, id, "v"); !errors.As(err, &refused) {
		t.Fatalf("got %v for the cancellation of a captured payment", err)
	}
	if all := ledger.Payments(); len(all) != 1 || all[0].Captures != 1 || all[0].Held != 0 {
		t.Fatalf("got %+v", all)
	}
}

func TestGateway_KeepsACancelledPaymentCancelled(t *testing.T) {
	g := memory.NewLedger().Through(direct)
	p, err := g.Create(t.Context(), gateway.CreateRequest{IdempotencyKey: "c", Amount: 10})
	if err != nil {
		t.Fatal(err)
	}
	if p, err = g.Cancel(t.Context(), p.ID, "v"); err != nil || p.Status != gateway.Canceled {
		t.Fatal(p, err)
	}
	var refused *gateway.RefusedError
	if _, err := g.Confirm(t.Context(), p.ID, "f"); !errors.As(err, &refused) {
		t.Fatalf("got %v", err)
	}
}

func TestGateway_RefusesWhatItsCardsRefuse(t *testing.T) {
	g := memory.NewLedger().Through(direct)
	var refused *gateway.RefusedError
	p, err := g.Create(t.Context(), gateway.CreateRequest{IdempotencyKey: "1", Amount: 10, PaymentMethod: memory.Declined})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := g.Confirm(t.Context(), p.ID, "f"); !errors.As(err, &refused) {
			t.Fatalf("got %v", err)
		}
	}
	if p, err = g.Create(t.Context(), gateway.CreateRequest{IdempotencyKey: "2", Amount: 10, PaymentMethod: memory.CaptureRefused}); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Confirm(t.Context(), p.ID, "f"); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Capture(t.Context(), p.ID, "k"); !errors.As(err, &refused) {
		t.Fatalf("got %v", err)
	}
	if p, err = g.Get(t.Context(), p.ID); err != nil || p.Status != gateway.Authorized {
		t.Fatal(p, err)
	}
}

// Whatever the transport says, it is never a refusal.
func TestGateway_CallsALostCallUnknown(t *testing.T) {
	lost := errors.New("lost")
	g := memory.NewLedger().Through(func(context.Context, string, string, func() error) error { return lost })
	_, err := g.Create(t.Context(), gateway.CreateRequest{IdempotencyKey: "c", Amount: 10})
	if !errors.Is(err, gateway.ErrUnavailable) || !errors.Is(err, lost) {
		t.Fatalf("got %v", err)
	}
}
