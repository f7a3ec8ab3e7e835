package topics

import (
	"fmt"
	"slices"
	"strings"

	"github.com/murmuration-dev/murmuration/schemas"
)

// linesShown bounds the lines of an order that are spelt out: more do not fit
// beside the rest.
const linesShown = 4

// Describe says in a few words what a record tells beyond its status, given the
// one of the same key before it; nil if that is not known.
func Describe(before, now any) string {
	var parts []string
	switch r := now.(type) {
	case schemas.Order:
		b, _ := before.(schemas.Order)
		parts = describeOrder(b, r)
	case schemas.Payment:
		b, _ := before.(schemas.Payment)
		parts = describePayment(b, r)
	case schemas.Reservation:
		b, _ := before.(schemas.Reservation)
		parts = describeReservation(b, r)
	case schemas.Stock:
		b, known := before.(schemas.Stock)
		parts = describeStock(b, r, known)
	case schemas.Position:
		parts = []string{fmt.Sprintf("batch %d, %d rows", r.Batch, len(r.Rows))}
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
}

func describeOrder(before, now schemas.Order) []string {
	var parts []string
	if before.OrderID == "" {
		lines := enumerate(now.Lines, func(l schemas.OrderLine) string { return pieces(l.Quantity, l.SKU) })
		parts = append(parts, lines+" = "+Money(now.Total, now.Currency), prefixed("pays with ", now.PaymentMethod))
	}
	was := make(map[int]int64, len(before.Lines))
	for _, l := range before.Lines {
		was[l.Line] = l.Returned
	}
	back := slices.DeleteFunc(slices.Clone(now.Lines), func(l schemas.OrderLine) bool { return l.Returned == was[l.Line] })
	if len(back) > 0 {
		parts = append(parts, enumerate(back, func(l schemas.OrderLine) string { return pieces(l.Returned-was[l.Line], l.SKU) })+" came back")
	}
	if now.RefundDue != before.RefundDue {
		parts = append(parts, "refund due "+Money(now.RefundDue, now.Currency))
	}
	return append(parts, changed(before.Reason, now.Reason))
}

func describePayment(before, now schemas.Payment) []string {
	var parts []string
	if now.Status == schemas.PaymentAuthorized {
		parts = append(parts, Money(now.Amount, now.Currency)+" held")
	}
	if more := now.Captured - before.Captured; more != 0 {
		parts = append(parts, Money(more, now.Currency)+" captured")
	}
	if more := now.Refunded - before.Refunded; more != 0 {
		parts = append(parts, Money(more, now.Currency)+" refunded")
		if before.Refunded != 0 || now.Refunded != now.Captured {
			parts = append(parts, fmt.Sprintf("%s of %s in all", Money(now.Refunded, now.Currency), Money(now.Captured, now.Currency)))
		}
	}
	return append(parts, changed(before.Reason, now.Reason))
}

func describeReservation(before, now schemas.Reservation) []string {
	var parts []string
	lines := enumerate(now.Lines, func(l schemas.ReservedLine) string { return pieces(l.Quantity, l.SKU) })
	switch now.Status {
	case schemas.ReservationReserved:
		parts = append(parts, lines+" held")
	case schemas.ReservationRejected:
		parts = append(parts, enumerate(now.Shortages, func(s schemas.Shortage) string {
			return fmt.Sprintf("%s: %d wanted, %d available", Printable(s.SKU), s.Wanted, s.Available)
		}))
	case schemas.ReservationCommitted:
		if before.Status != now.Status {
			parts = append(parts, lines+" left the shelf")
		}
	case schemas.ReservationReleased, schemas.ReservationRestocked, schemas.ReservationUnknown:
	}
	was := make(map[int]int64, len(before.Lines))
	for _, l := range before.Lines {
		was[l.Line] = l.Restocked
	}
	back := slices.DeleteFunc(slices.Clone(now.Lines), func(l schemas.ReservedLine) bool { return l.Restocked == was[l.Line] })
	if len(back) > 0 {
		parts = append(parts, enumerate(back, func(l schemas.ReservedLine) string { return pieces(l.Restocked-was[l.Line], l.SKU) })+" put back")
	}
	return append(parts, changed(before.Reason, now.Reason))
}

func describeStock(before, now schemas.Stock, known bool) []string {
	var parts []string
	for _, number := range []struct {
		name     string
		was, now int64
	}{{"on hand", before.OnHand, now.OnHand}, {"reserved", before.Reserved, now.Reserved}, {"available", before.Available, now.Available}} {
		switch {
		case !known && now.Version > 1:
			parts = append(parts, fmt.Sprintf("%s %d", number.name, number.now))
		case number.was != number.now:
			parts = append(parts, fmt.Sprintf("%s %d → %d", number.name, number.was, number.now))
		}
	}
	return []string{strings.Join(parts, ", ")}
}

func enumerate[T any](items []T, each func(T) string) string {
	shown := make([]string, 0, linesShown+1)
	for i, item := range items {
		if i == linesShown && len(items) > linesShown+1 {
			shown = append(shown, fmt.Sprintf("%d more lines", len(items)-linesShown))
			break
		}
		shown = append(shown, each(item))
	}
	if len(shown) == 0 {
		return "no goods"
	}
	return strings.Join(shown, ", ")
}

func pieces(n int64, sku string) string { return fmt.Sprintf("%d × %s", n, Printable(sku)) }

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + Printable(s)
}

func changed(before, now string) string {
	if before == now {
		return ""
	}
	return Printable(now)
}

// Printable replaces control characters, so that what strangers wrote cannot
// steer a terminal.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '�'
		}
		return r
	}, s)
}
