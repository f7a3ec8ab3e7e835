package audit

import (
	"fmt"

	"github.com/murmuration-dev/murmuration/schemas"
)

// impossibleStock says what is wrong with a level by itself, or nothing.
func impossibleStock(s schemas.Stock) string {
	switch {
	case s.OnHand != s.Received+s.Restocked-s.Committed-s.WrittenOff:
		return fmt.Sprintf("%d received + %d restocked - %d committed - %d written off is not %d on hand",
			s.Received, s.Restocked, s.Committed, s.WrittenOff, s.OnHand)
	case s.OnHand < 0 || s.Reserved < 0 || s.Reserved > s.OnHand:
		return fmt.Sprintf("%d reserved of %d on hand: oversold", s.Reserved, s.OnHand)
	case s.Available != s.OnHand-s.Reserved:
		return fmt.Sprintf("%d available of %d on hand and %d reserved", s.Available, s.OnHand, s.Reserved)
	case min(s.Received, s.Committed, s.Restocked, s.WrittenOff) < 0:
		return fmt.Sprintf("a total is below 0: %d received, %d committed, %d restocked, %d written off",
			s.Received, s.Committed, s.Restocked, s.WrittenOff)
	case s.Restocked > s.Committed:
		return fmt.Sprintf("%d restocked of %d committed", s.Restocked, s.Committed)
	}
	return ""
}

// moved is what reservations say was moved of one SKU.
type moved struct{ reserved, committed, restocked int64 }

func (a *auditor) stock(t *tally) {
	expected := map[string]*moved{}
	for id := range sortedKeys(a.Reservations) {
		if r := a.Reservations[id].Record; r != nil {
			add(expected, *r)
		}
	}
	for sku := range sortedKeys(a.Stock) {
		s := a.Stock[sku].Record
		if s == nil {
			continue
		}
		t.examined(1)
		if why := impossibleStock(*s); why != "" {
			t.found(Finding{Subject: "stock " + sku, Version: s.Version, Detail: why})
		}
		if a.Settled {
			m := expected[sku]
			if m == nil {
				m = &moved{}
			}
			compareStock(t, sku, *s, *m)
		}
	}
	if !a.Settled {
		t.limit("reservations move stock at this moment: each level was checked by itself, not against their sum")
		return
	}
	for sku := range sortedKeys(expected) {
		if a.Stock[sku] == nil {
			t.found(Finding{Subject: "stock " + sku, Detail: "orders hold it, but it has no level"})
		}
	}
}

func add(to map[string]*moved, r schemas.Reservation) {
	switch r.Status {
	case schemas.ReservationReserved, schemas.ReservationCommitted, schemas.ReservationRestocked:
	default:
		return // nothing is or was taken: lines say what was wanted
	}
	for _, l := range r.Lines {
		m := to[l.SKU]
		if m == nil {
			m = &moved{}
			to[l.SKU] = m
		}
		if r.Status == schemas.ReservationReserved {
			m.reserved += l.Quantity
			continue
		}
		m.committed += l.Quantity
		m.restocked += l.Restocked
	}
}

func compareStock(t *tally, sku string, s schemas.Stock, m moved) {
	for _, c := range []struct {
		what          string
		level, orders int64
	}{
		{"reserved", s.Reserved, m.reserved},
		{"committed", s.Committed, m.committed},
		{"restocked", s.Restocked, m.restocked},
	} {
		if c.level != c.orders {
			t.found(Finding{
				Subject: "stock " + sku, Version: s.Version,
				Detail: fmt.Sprintf("%d %s, but the reservations of orders add up to %d", c.level, c.what, c.orders),
			})
		}
	}
}

func (a *auditor) stockLog(t *tally) {
	if log := a.Topics[schemas.StockLevels]; log != nil {
		t.examined(int(log.Records))
	}
	a.suspects(t, checkStockLog)
}
