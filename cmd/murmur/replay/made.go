package replay

import (
	"context"
	"fmt"
	"slices"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
)

// madeID names a made return: the same one again changes nothing.
const madeID = "made"

// Made is what MakeReturns did.
type Made struct {
	Returns int
	// Refund is in pence.
	Refund int64
}

// MakeReturns gives back one line of every so-manieth completed order of a
// report: returns that are made up, for data that has few. It waits until all are
// settled. The same plan and report give the same returns. Errors as for Run.
func MakeReturns(ctx context.Context, to embedded.Addresses, p *Plan, r *Report, every int, cfg Config) (Made, error) {
	cfg = cfg.withDefaults()
	progress := &Progress{}
	rn := &runner{plan: p, cfg: cfg, progress: progress, client: newClient(to, cfg, progress)}
	defer rn.client.close()
	byID := make(map[string]*Order, len(p.Orders))
	for _, o := range p.Orders {
		byID[o.ID] = o
	}
	var (
		made   Made
		orders []*Order
	)
	for i := every - 1; i < len(r.CompletedOrders); i += every {
		o := byID[r.CompletedOrders[i]]
		line := o.untouched()
		if line < 0 {
			continue
		}
		sold := o.body.Lines[line]
		made.Returns++
		made.Refund += sold.Amount
		orders = append(orders, &Order{ID: o.ID, Returns: []*Return{{ID: madeID, lines: []returnLine{{int32(line + 1), sold.Quantity}}}}})
	}
	err := each(ctx, cfg.Concurrency, orders, func(ctx context.Context, o *Order) error {
		if err := rn.giveBack(ctx, o); err != nil {
			return err
		}
		if why := o.Returns[0].refused; why != "" {
			return fmt.Errorf("return a line of order %s: %s", o.ID, why)
		}
		return rn.settle(ctx, o)
	})
	return made, err
}

// untouched is the index of the first line of goods of which the files return
// nothing, or -1.
func (o *Order) untouched() int {
	return slices.IndexFunc(o.body.Lines, func(l placeLine) bool {
		return l.Kind == goods && !slices.ContainsFunc(o.Returns, func(r *Return) bool {
			return slices.ContainsFunc(r.lines, func(b returnLine) bool { return o.body.Lines[b.Line-1].SKU == l.SKU })
		})
	})
}
