package inventory

import (
	"slices"
	"testing"
)

// world is one reservation with its stock and every record its order has ever
// published. Any record may be read at any time, late or again, and none but
// the last has to be: this is every delay, repetition and compaction at once.
type world struct {
	Reservation State
	Seen        Observed
	Stock       [2]StockState // 71053 and 85123A
	Orders      []Order
}

func (w world) order() Order { return w.Orders[len(w.Orders)-1] }

// TestWalk_EveryDeliveryKeepsTheStockRight explores everything that can happen
// to one reservation when the order keeps to the table: any record late,
// repeated or never read, cancelled at any moment, a refused capture, two
// returns, with enough stock and with too little.
func TestWalk_EveryDeliveryKeepsTheStockRight(t *testing.T) {
	ends := map[string]int{}
	for _, received := range []int64{7, 20} {
		stock := [2]StockState{
			decidedStock(t, StockState{}, Receive{ID: "r", SKU: "71053", Quantity: 3}),
			decidedStock(t, StockState{}, Receive{ID: "r", SKU: "85123A", Quantity: received}),
		}
		walk(t, world{Stock: stock, Orders: []Order{order(1, OrderPlaced)}}, ends)
	}
	t.Logf("ends: %v", ends)
	for _, end := range []string{"CANCELLED REJECTED", "CANCELLED RELEASED", "CANCELLED RESTOCKED", "RETURNED RESTOCKED"} {
		if ends[end] == 0 {
			t.Errorf("no walk ends %s", end)
		}
	}
}

func walk(t *testing.T, start world, ends map[string]int) {
	t.Helper()
	known := map[string]bool{asJSON(t, start): true}
	for queue := []world{start}; len(queue) > 0; queue = queue[1:] {
		w := queue[0]
		next := slices.Concat(reads(t, w), orderMoves(w))
		if len(next) == 0 {
			checkEnd(t, w)
			ends[string(w.order().Status)+" "+string(w.Reservation.Status)]++
		}
		for _, n := range next {
			if key := asJSON(t, n); !known[key] {
				known[key] = true
				queue = append(queue, n)
			}
		}
	}
}

// reads delivers any one record that was ever published.
func reads(t *testing.T, w world) []world {
	t.Helper()
	var next []world
	for _, ord := range w.Orders {
		o, fresh := w.Seen.WithOrder(ord)
		if !fresh {
			continue
		}
		n := w
		n.Seen = o
		next = append(next, settled(t, n))
	}
	return next
}

// settled lets the reservation react, and its stock follow, as one commit.
func settled(t *testing.T, w world) world {
	t.Helper()
	for c := React(w.Reservation, w.Seen); c != nil; c = React(w.Reservation, w.Seen) {
		skus := SKUs(w.Reservation, c)
		available := []Availability{{"71053", w.Stock[0].Available()}, {"85123A", w.Stock[1].Available()}}
		events, err := Decide(w.Reservation, WithAvailable(c, available))
		if err != nil || len(events) == 0 {
			t.Fatalf("%T: %v, %v in %s", c, events, err, asJSON(t, w))
		}
		for _, effect := range StockEffects(w.Reservation, events) {
			if !slices.Contains(skus, effect.SKU) {
				t.Fatalf("%T touches %s, which was not locked", c, effect.SKU)
			}
			i := slices.Index([]string{"71053", "85123A"}, effect.SKU)
			w.Stock[i] = decidedStock(t, w.Stock[i], effect.Command)
		}
		w.Reservation = folded(w.Reservation, events...)
	}
	return w
}

// orderMoves is what the order may publish next, by its rows of the table and
// what this reservation shows.
func orderMoves(w world) []world {
	ord := w.order()
	var next []world
	publish := func(to OrderStatus, returned ...int64) {
		n := w
		n.Orders = append(slices.Clip(w.Orders), order(ord.Version+1, to, returned...))
		next = append(next, n)
	}
	switch ord.Status {
	case OrderPlaced:
		publish(OrderCancelled) // the customer, the deadline, no stock, declined
		if w.Reservation.Status == StatusReserved {
			publish(OrderConfirmed)
		}
	case OrderConfirmed:
		publish(OrderCancelled) // the capture was refused
		if w.Reservation.Status == StatusCommitted {
			publish(OrderCompleted)
		}
	case OrderCompleted:
		if ord.Lines[0].Returned == 0 {
			publish(OrderCompleted, 2)
		}
		publish(OrderReturned, 6, 3, 2)
	case OrderCancelled, OrderReturned:
	}
	return next
}

func checkEnd(t *testing.T, w world) {
	t.Helper()
	for _, s := range w.Stock {
		if s.Reserved != 0 || s.OnHand != s.Received {
			t.Fatalf("stock stays held or gone: %s", asJSON(t, w))
		}
	}
}
