package checker

import (
	"github.com/murmuration-dev/murmuration/e2e/client"
)

// checkAcknowledged: every order that a customer was promised is there, as it was
// ordered, and at an end.
func checkAcknowledged(wrong *faults, latest map[string]map[string]State, acknowledged *client.History) {
	returned := acknowledged.ReturnedUnits()
	for id, asked := range acknowledged.Orders() {
		o, ok := latest["orders"][id]
		if !ok {
			wrong.addf("acknowledged order %s is lost", id)
			continue
		}
		if o.Total != asked.Total() || o.Currency != asked.Currency || len(o.Lines) != len(asked.Lines) {
			wrong.addf("order %s is %d %s on %d lines, acknowledged were %d %s on %d", id, o.Total, o.Currency, len(o.Lines), asked.Total(), asked.Currency, len(asked.Lines))
			continue
		}
		for i, l := range asked.Lines {
			kept := o.Lines[i]
			if kept.SKU != l.SKU || kept.Quantity != l.Quantity || kept.Amount != l.Amount || kept.Returned != returned[id][kept.Line] {
				wrong.addf("order %s line %d is %+v, acknowledged was %+v with %d returned", id, i+1, kept, l, returned[id][kept.Line])
			}
		}
		if o.Status != client.Completed && o.Status != client.Cancelled && o.Status != client.Returned {
			wrong.addf("order %s is still %s", id, o.Status)
		}
	}
}

// checkAnswers: nothing that was answered was contradicted by a later answer, or
// is by what the log says in the end.
func checkAnswers(wrong *faults, latest map[string]map[string]State, acknowledged *client.History) {
	for _, err := range acknowledged.Contradictions() {
		wrong.addf("contradicting answers: %w", err)
	}
	for id, o := range latest["orders"] {
		said := client.Order{OrderID: id, Version: o.Version, Status: o.Status, Total: o.Total, Currency: o.Currency, RefundDue: o.RefundDue}
		for _, l := range o.Lines {
			said.Lines = append(said.Lines, client.Line{Line: l.Line, SKU: l.SKU, Quantity: l.Quantity, Returned: l.Returned})
		}
		if err := acknowledged.Contradicted(said); err != nil {
			wrong.addf("order %s: %w", id, err)
		}
	}
}

// checkMoney: the gateway has what completed orders cost, less what is due back,
// and holds nothing; and nobody else says otherwise.
func (f *Findings) checkMoney(wrong *faults, latest map[string]map[string]State) {
	type sum struct{ captured, refunded, held, captures int64 }
	of := make(map[string]sum)
	for _, c := range f.Charges {
		s := of[c.OrderID]
		of[c.OrderID] = sum{s.captured + c.Captured, s.refunded + c.Refunded, s.held + c.Held, s.captures + int64(c.Captures)}
		if _, ok := latest["orders"][c.OrderID]; !ok {
			wrong.addf("the gateway has a payment for %s, which nobody ordered", c.OrderID)
		}
	}
	for id, o := range latest["orders"] {
		var want sum
		if o.Status == client.Completed || o.Status == client.Returned {
			want = sum{captured: o.Total, refunded: o.RefundDue}
			if o.Total > 0 {
				want.captures = 1
			}
		}
		if of[id] != want {
			wrong.addf("order %s is %s: the gateway says %+v, right is %+v", id, o.Status, of[id], want)
		}
		p := latest["payments"][id]
		if p.Captured != want.captured || p.Refunded != want.refunded {
			wrong.addf("order %s is %s: its payment says %s, captured %d, refunded %d, right is %+v", id, o.Status, p.Status, p.Captured, p.Refunded, want)
		}
	}
	for id := range latest["payments"] {
		if _, ok := latest["orders"][id]; !ok {
			wrong.addf("payment of %s, which nobody ordered", id)
		}
	}
}

// checkStock: never below zero at any version, and conserved: what was received is
// on the shelf, written off, or with customers who keep it.
func (f *Findings) checkStock(wrong *faults, latest map[string]map[string]State, acknowledged *client.History) {
	for _, r := range f.Records {
		v := r.Value
		if r.Topic != "stock" {
			continue
		}
		if v.OnHand < 0 || v.Reserved < 0 || v.Available < 0 || v.Available != v.OnHand-v.Reserved || v.OnHand != v.Received-v.Committed+v.Restocked-v.WrittenOff {
			wrong.addf("stock %s does not add up at version %d: %+v", r.Key, r.Version, v)
		}
	}
	kept := make(map[string]int64) // units that customers have
	for _, o := range latest["orders"] {
		if o.Status != client.Completed && o.Status != client.Returned {
			continue
		}
		for _, l := range o.Lines {
			if l.Kind == "GOODS" {
				kept[l.SKU] += l.Quantity - l.Returned
			}
		}
	}
	received, writtenOff := acknowledged.Received(), acknowledged.WrittenOff()
	for sku, quantity := range received { // others may have moved other SKUs
		s := latest["stock"][sku]
		if s.Received != quantity || s.WrittenOff != writtenOff[sku] {
			wrong.addf("stock %s has %d received and %d written off, acknowledged were %d and %d", sku, s.Received, s.WrittenOff, quantity, writtenOff[sku])
		}
	}
	for sku, s := range latest["stock"] {
		if s.Reserved != 0 {
			wrong.addf("stock %s still has %d reserved", sku, s.Reserved)
		}
		if s.OnHand != s.Received-s.WrittenOff-kept[sku] {
			wrong.addf("stock %s has %d on hand of %d received, %d written off, %d sold and kept", sku, s.OnHand, s.Received, s.WrittenOff, kept[sku])
		}
	}
}
