package sim

import (
	"context"
	"slices"
	"time"

	"github.com/murmuration-dev/murmuration/cmd/murmur/replay"
	"github.com/murmuration-dev/murmuration/pkg/sim"
	"github.com/murmuration-dev/murmuration/services/payment/gatewaysim/memory"
)

const (
	// faultEvery is how often something goes wrong.
	faultEvery = 5 * time.Minute
	// callsPerSecond is about what the two processes of a service make of it.
	callsPerSecond = 12
	// dayPartitions are those of the catalogue's topics.
	dayPartitions = 6
	// stockShare is how much of what is ordered is there: some orders run short.
	stockShare = 0.97
	// dayLimit is when a day must be settled.
	dayLimit = 14 * time.Hour
	// opening is when goods are received, before the first customer.
	opening = 10 * time.Minute
)

// Day is a scenario of a real trading day, or of its first part, with each customer
// at the real time: the invoices that sold something, with returns of every ninth.
// Two processes of each service run.
func (s *Services) Day(file replay.File, part time.Duration) sim.Scenario {
	first := file.Lines[0].At
	file.Lines = slices.DeleteFunc(slices.Clone(file.Lines), func(l replay.Line) bool { return l.At.Sub(first) > part })
	invoices, wanted := sales(file)
	last := file.Lines[len(file.Lines)-1].At
	faults := 1 + int(last.Sub(first)/faultEvery)
	calls := int(last.Sub(first)/time.Second) * callsPerSecond
	return func(w *sim.World) {
		d := w.Rand("day")
		shop := s.Open(w, dayPartitions, Replicas{2, 2, 2})
		w.Limit(dayLimit)
		w.Faults(sim.Mix{Least: faults, Most: faults, Calls: max(calls, callsPerSecond), Within: last.Sub(first) + opening})
		for _, sku := range sortedKeys(wanted) {
			n := max(1, int64(float64(wanted[sku])*stockShare))
			w.Step("receive "+sku, time.Duration(d.Int64N(int64(opening/2))), func(ctx context.Context, c *sim.Client) error {
				return shop.Receive(ctx, c, sku, "opening "+sku, n)
			})
		}
		for i, o := range invoices {
			switch d.IntN(30) {
			case 0:
				o.PaymentMethod = memory.Declined
			case 1:
				o.PaymentMethod = memory.CaptureRefused
			}
			at := opening + o.at.Sub(first) + time.Duration(d.Int64N(int64(time.Minute)))
			w.Step("place "+o.OrderID, at, func(ctx context.Context, c *sim.Client) error { return shop.Place(ctx, c, o.Order) })
			if i%9 == 0 {
				w.Step("return of "+o.OrderID, at+time.Hour, func(ctx context.Context, c *sim.Client) error {
					return shop.Return(ctx, c, o.OrderID, "b", 1, 1)
				})
			}
		}
	}
}

type invoice struct {
	Order
	at time.Time
}

// sales are the invoices of a file that become orders, and what they want of each
// SKU that has stock.
func sales(file replay.File) ([]invoice, map[string]int64) {
	var all []invoice
	place := make(map[string]int)
	wanted := make(map[string]int64)
	for _, l := range file.Lines {
		if l.Quantity < 1 || l.Amount() < 0 || l.Amount() == 0 && l.Customer == "" {
			continue // a cancellation, or a movement of stock
		}
		i, known := place[l.Invoice]
		if !known {
			i = len(all)
			place[l.Invoice] = i
			all = append(all, invoice{at: l.At, Order: Order{OrderID: l.Invoice, Currency: "GBP", PaymentMethod: "pm_card_visa"}})
		}
		line := Line{SKU: l.SKU, Quantity: l.Quantity, Amount: l.Amount(), Kind: "GOODS"}
		if replay.Service(l.SKU) {
			line.Kind = "SERVICE"
		} else {
			wanted[l.SKU] += l.Quantity
		}
		all[i].Lines = append(all[i].Lines, line)
	}
	return all, wanted
}

func sortedKeys(m map[string]int64) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
