package main

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"

	"github.com/murmuration-dev/murmuration/cmd/murmur/replay"
	"github.com/murmuration-dev/murmuration/e2e/client"
)

const (
	// rounds is how often the day can be sold: goods are received for all of them
	// at once. At five orders a second that is eight minutes.
	rounds = 20
	// missingEvery and the two below say how rare it is that goods are not there, a
	// card is refused, and a capture is: some orders of each day end otherwise.
	missingEvery  = 200
	declinedEvery = 29
	refusedEvery  = 31
)

// goods is the kind of a line that has stock.
const goods = "GOODS"

// The means of payment.
const (
	goodCard    = "pm_card_visa"
	noMoney     = "pm_card_chargeDeclined"
	lostCapture = "pm_sim_captureRefused"
)

// day is the orders of a trading day, and what they want of each SKU that has
// stock.
type day struct {
	orders []client.NewOrder
	wanted map[string]int64
}

// realDay are the invoices of the day that sold something.
func realDay() (day, error) {
	file, err := replay.Day()
	if err != nil {
		return day{}, err
	}
	var orders []client.NewOrder
	place := make(map[string]int)
	for _, l := range file.Lines {
		if l.Quantity < 1 || l.Amount() < 1 {
			continue // a cancellation, a gift, or a movement of stock
		}
		i, known := place[l.Invoice]
		if !known {
			i = len(orders)
			place[l.Invoice] = i
			orders = append(orders, client.NewOrder{OrderID: l.Invoice, Customer: l.Customer, Currency: "GBP", PaymentMethod: card(i)})
		}
		kind := goods
		if replay.Service(l.SKU) {
			kind = "SERVICE"
		}
		orders[i].Lines = append(orders[i].Lines, client.NewLine{SKU: l.SKU, Quantity: l.Quantity, Amount: l.Amount(), Kind: kind})
	}
	return newDay(orders), nil
}

func newDay(orders []client.NewOrder) day {
	d := day{orders: orders, wanted: make(map[string]int64)}
	for _, o := range orders {
		for _, l := range o.Lines {
			if l.Kind == goods {
				d.wanted[l.SKU] += l.Quantity
			}
		}
	}
	return d
}

func card(i int) string {
	switch {
	case i%declinedEvery == declinedEvery-1:
		return noMoney
	case i%refusedEvery == refusedEvery-1:
		return lostCapture
	}
	return goodCard
}

// order is the n-th order, from 0, of a day that never ends; false once there are
// no goods left for it.
func (d day) order(n int) (client.NewOrder, bool) {
	round := n / len(d.orders)
	o := d.orders[n%len(d.orders)]
	if round > 0 {
		o.OrderID = fmt.Sprintf("%s-%d", o.OrderID, round+1)
	}
	o.Key = "order " + o.OrderID
	return o, round < rounds
}

// goods are the SKUs to receive, in a fixed order.
func (d day) goods() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(d.wanted)), missing)
}

// missing goods are never received.
func missing(sku string) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(sku)) // a hash takes everything
	return h.Sum32()%missingEvery == 0
}
