package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/sim"
	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/inventory"
	"github.com/murmuration-dev/murmuration/services/order"
	"github.com/murmuration-dev/murmuration/services/payment"
)

// invariants declares what must hold.
func (s *Shop) invariants() {
	w := s.world
	w.Settled(s.quiet)
	w.Always("no card pays twice, nor gets back more than it paid", s.ledgerSane)
	w.Finally("nothing is parked", s.nothingParked)
	w.Finally("every record is published once, in order", s.publishedOnce)
	w.Finally("every acknowledged order is kept", s.acknowledged)
	w.Finally("every order comes to an end, and all agree on it", s.agreed)
	w.Finally("the money is where it belongs", s.money)
	w.Finally("the stock adds up", s.stockAddsUp)
	w.Finally("states are what the events say", s.rebuilt)
}

// quiet tells that nothing is under way between the services.
func (s *Shop) quiet() bool {
	for _, d := range []*sim.Disk{s.order, s.payment, s.stock} {
		if d.Waiting() > 0 || len(d.Intents()) > 0 && len(pendingOf(d)) > 0 {
			return false
		}
	}
	return s.order.CaughtUp(schemas.Payments, schemas.Reservations) &&
		s.payment.CaughtUp(schemas.Orders) && s.stock.CaughtUp(schemas.Orders)
}

func pendingOf(d *sim.Disk) []eventstore.Intent {
	return slices.DeleteFunc(d.Intents(), func(i eventstore.Intent) bool { return i.State == eventstore.IntentParked })
}

func (s *Shop) ledgerSane() error {
	captures := make(map[string]int)
	for _, p := range s.ledger.Payments() {
		captures[p.OrderID] += p.Captures
		if captures[p.OrderID] > 1 {
			return fmt.Errorf("order %s was captured %d times", p.OrderID, captures[p.OrderID])
		}
		if p.Refunded > p.Captured || p.Captured > p.Amount {
			return fmt.Errorf("order %s: %+v", p.OrderID, *p)
		}
	}
	return nil
}

func (s *Shop) nothingParked() error {
	for _, d := range []*sim.Disk{s.order, s.payment, s.stock} {
		for _, p := range d.Parked() {
			return fmt.Errorf("%s %s: %s", p.Topic, p.Key, p.Reason)
		}
		for _, i := range d.Intents() {
			return fmt.Errorf("intent %s is %s: %s", i.Key, i.State, i.LastError)
		}
	}
	return nil
}

// publishedOnce compares what was ever committed to each topic with what the
// events say was published.
func (s *Shop) publishedOnce() error {
	for _, of := range []struct {
		topic, kind string
		disk        *sim.Disk
	}{
		{schemas.Orders, "order", s.order}, {schemas.Payments, "payment", s.payment},
		{schemas.Reservations, "reservation", s.stock}, {schemas.StockLevels, "stock", s.stock},
	} {
		logged := make(map[string][]int64)
		total := 0
		for _, r := range s.world.Records(of.topic) {
			text, _ := r.Header(aggregate.HeaderVersion)
			version, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return err
			}
			logged[string(r.Key)] = append(logged[string(r.Key)], version)
			total++
		}
		for _, row := range of.disk.Streams(of.kind) {
			var promised []int64
			for _, e := range of.disk.Events(row.ID) {
				if e.Published {
					promised = append(promised, e.Version)
				}
			}
			if !slices.Equal(promised, logged[row.ID.ID]) {
				return fmt.Errorf("%s: promised are versions %v, published were %v", row.ID, promised, logged[row.ID.ID])
			}
			total -= len(promised)
		}
		if total != 0 {
			return fmt.Errorf("%s has %d records that nobody promised", of.topic, total)
		}
	}
	return nil
}

// read decodes the state of a stream.
func read[T any](d *sim.Disk, kind, id string) (state T, err error) {
	row := d.Stream(eventstore.StreamID{Kind: kind, ID: id})
	if row.State != nil {
		err = json.Unmarshal(row.State, &state)
	}
	return state, err
}

func (s *Shop) acknowledged() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, asked := range s.asked {
		o, err := read[order.State](s.order, "order", id)
		if err != nil {
			return err
		}
		var total int64
		for _, l := range asked.Lines {
			total += l.Amount
		}
		if o.OrderID != id || o.Total != total || len(o.Lines) != len(asked.Lines) {
			return fmt.Errorf("order %s is %+v, acknowledged was %+v", id, o, asked)
		}
	}
	return nil
}

// agreed: each order is settled, as it sees it and as the others are.
func (s *Shop) agreed() error {
	for _, row := range s.order.Streams("order") {
		o, err := read[order.State](s.order, "order", row.ID.ID)
		if err != nil {
			return err
		}
		var seen order.Observed
		if row.Observed != nil {
			if err := json.Unmarshal(row.Observed, &seen); err != nil {
				return err
			}
		}
		p, err := read[payment.State](s.payment, "payment", row.ID.ID)
		if err != nil {
			return err
		}
		r, err := read[inventory.State](s.stock, "reservation", row.ID.ID)
		if err != nil {
			return err
		}
		if row.Version == 0 {
			return fmt.Errorf("order %s was never placed, but observed", row.ID.ID)
		}
		if !order.Settled(o, seen) {
			return fmt.Errorf("order %s is %s, sees payment %+v and reservation %+v", row.ID.ID, o.Status, seen.Payment, seen.Reservation)
		}
		if string(p.Status) != string(seen.Payment.Status) || string(r.Status) != string(seen.Reservation.Status) ||
			p.Refunded != seen.Payment.Refunded || r.RestockedTotal() != seen.Reservation.Restocked {
			return fmt.Errorf("order %s sees payment %+v, reservation %+v; they are %+v, %+v", row.ID.ID, seen.Payment, seen.Reservation, p, r)
		}
	}
	return nil
}

// money: the gateway has what completed orders cost, less what is due back, and
// holds nothing.
func (s *Shop) money() error {
	type sum struct{ captured, refunded, held int64 }
	of := make(map[string]sum)
	for _, p := range s.ledger.Payments() {
		x := of[p.OrderID]
		of[p.OrderID] = sum{x.captured + p.Captured, x.refunded + p.Refunded, x.held + p.Held}
	}
	for _, row := range s.order.Streams("order") {
		o, err := read[order.State](s.order, "order", row.ID.ID)
		if err != nil {
			return err
		}
		p, err := read[payment.State](s.payment, "payment", row.ID.ID)
		if err != nil {
			return err
		}
		var want sum
		if o.Status == order.StatusCompleted || o.Status == order.StatusReturned {
			want = sum{captured: o.Total, refunded: o.RefundDue}
		}
		if of[row.ID.ID] != want || p.Captured != want.captured || p.Refunded != want.refunded {
			return fmt.Errorf("order %s is %s: the gateway says %+v, the payment %+v, right is %+v", row.ID.ID, o.Status, of[row.ID.ID], p, want)
		}
		delete(of, row.ID.ID)
	}
	for id, x := range of {
		return fmt.Errorf("the gateway has %+v for %s, which nobody ordered", x, id)
	}
	return nil
}

// stockAddsUp: conserved, never promised twice, and nothing promised any more.
func (s *Shop) stockAddsUp() error {
	kept := make(map[string]int64) // with customers
	for _, row := range s.order.Streams("order") {
		o, err := read[order.State](s.order, "order", row.ID.ID)
		if err != nil {
			return err
		}
		if o.Status != order.StatusCompleted && o.Status != order.StatusReturned {
			continue
		}
		for _, l := range o.Lines {
			if l.Kind == order.KindGoods {
				kept[l.SKU] += l.Quantity - l.Returned
			}
		}
	}
	for _, row := range s.stock.Streams("stock") {
		item, err := read[inventory.StockState](s.stock, "stock", row.ID.ID)
		if err != nil {
			return err
		}
		if err := item.Check(); err != nil {
			return err
		}
		if item.Reserved != 0 || item.OnHand != item.Received-item.WrittenOff-kept[row.ID.ID] {
			return fmt.Errorf("stock %+v, of which %d are with customers", item, kept[row.ID.ID])
		}
		delete(kept, row.ID.ID)
	}
	for sku, n := range kept {
		if n != 0 {
			return fmt.Errorf("%d of %s are with customers, which was never in stock", n, sku)
		}
	}
	return nil
}

// rebuilt folds the events of every stream again and compares byte for byte.
func (s *Shop) rebuilt() error {
	var faults []error
	for _, of := range []struct {
		service *sim.Participant
		disk    *sim.Disk
	}{{s.services.order, s.order}, {s.services.payment, s.payment}, {s.services.inventory, s.stock}} {
		for _, inspector := range of.service.Inspectors() {
			for _, row := range of.disk.Streams(inspector.KindName()) {
				seen, err := inspector.Inspect(s.world.Context(), of.disk.Reader(), row)
				if err != nil || seen.Fault != "" {
					faults = append(faults, fmt.Errorf("%s: %s: %w", row.ID, seen.Fault, err))
				}
			}
		}
	}
	return errors.Join(faults...)
}
