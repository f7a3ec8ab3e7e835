package topics

import (
	"testing"

	"github.com/murmuration-dev/murmuration/schemas"
)

func TestMoney(t *testing.T) {
	for want, got := range map[string]string{
		"12.34 GBP": Money(1234, "GBP"), "0.05 EUR": Money(5, "EUR"), "-0.05 EUR": Money(-5, "EUR"), "0.00 USD": Money(0, "USD"),
		"1234 JPY": Money(1234, "JPY"), "-7 JPY": Money(-7, "JPY"), "1.234 KWD": Money(1234, "KWD"), "0.001 BHD": Money(1, "BHD"), "12": Money(12, ""),
	} {
		if got != want {
			t.Errorf("is %q, want %q", got, want)
		}
	}
}

func TestDescribe(t *testing.T) {
	many := schemas.Order{OrderID: "o", Currency: "EUR", Total: 600}
	for i := range 6 {
		many.Lines = append(many.Lines, schemas.OrderLine{Line: i + 1, SKU: "S", Quantity: 1})
	}
	returned := order(4, schemas.OrderCompleted)
	returned.Lines = []schemas.OrderLine{{Line: 1, SKU: "MUG", Quantity: 2, Amount: 500, Returned: 1}}
	returned.RefundDue = 250
	refunded := payment(8, schemas.PaymentCaptured)
	refunded.Captured, refunded.Refunded = 500, 250
	captured := payment(6, schemas.PaymentCaptured)
	captured.Captured = 500
	all := refunded
	all.Refunded, all.Status = 500, schemas.PaymentRefunded
	rejected := reservation(1, schemas.ReservationRejected)
	rejected.Shortages, rejected.Reason = []schemas.Shortage{{SKU: "M\x1bUG", Wanted: 2, Available: 1}}, "out of stock"

	for _, test := range []struct {
		name        string
		before, now any
		want        string
	}{
		{"placed", nil, order(1, schemas.OrderPlaced), "2 × MUG = 5.00 GBP"},
		{"many lines", nil, many, "1 × S, 1 × S, 1 × S, 1 × S, 2 more lines = 6.00 EUR"},
		{"nothing but the status", order(1, schemas.OrderPlaced), order(2, schemas.OrderConfirmed), ""},
		{"returned", order(3, schemas.OrderCompleted), returned, "1 × MUG came back; refund due 2.50 GBP"},
		{"held", nil, payment(4, schemas.PaymentAuthorized), "5.00 GBP held"},
		{"captured", payment(4, schemas.PaymentAuthorized), captured, "5.00 GBP captured"},
		{"refunded in part", captured, refunded, "2.50 GBP refunded; 2.50 GBP of 5.00 GBP in all"},
		{"refunded the rest", refunded, all, "2.50 GBP refunded; 5.00 GBP of 5.00 GBP in all"},
		{"refunded at once", captured, all, "5.00 GBP refunded"},
		{"short", nil, rejected, "M�UG: 2 wanted, 1 available; out of stock"},
		{"stock, first", nil, schemas.Stock{SKU: "S", Version: 1, OnHand: 5, Available: 5}, "on hand 0 → 5, available 0 → 5"},
		{"stock, before unknown", nil, schemas.Stock{SKU: "S", Version: 7, OnHand: 5, Reserved: 1, Available: 4}, "on hand 5, reserved 1, available 4"},
		{"position", nil, schemas.Position{Batch: 12, Rows: make([]schemas.PublishedRow, 3)}, "batch 12, 3 rows"},
		{"undecodable", nil, nil, ""},
	} {
		if got := Describe(test.before, test.now); got != test.want {
			t.Errorf("%s: is %q, want %q", test.name, got, test.want)
		}
	}
}
