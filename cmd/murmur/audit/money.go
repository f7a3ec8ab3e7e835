package audit

import (
	"fmt"

	"github.com/murmuration-dev/murmuration/schemas"
)

// moneyTotals sums up the orders that are judged and finished; what a gateway
// holds for unknown orders counts too, once nothing is in flight.
func (a *auditor) moneyTotals(t *tally) {
	a.sparing(t)
	for _, c := range a.cases {
		switch {
		case c.judged && c.finished():
			a.book(c)
		case a.Settled && c.order == nil:
			a.bookGateway(c)
		}
	}
	t.examined(len(a.money))
	for currency := range sortedKeys(a.money) {
		m := a.money[currency]
		if m.Payments != m.Orders {
			t.found(Finding{Subject: "currency " + currency, Detail: fmt.Sprintf("payments took %d and gave back %d, orders make it %d and %d",
				m.Payments.Captured, m.Payments.Refunded, m.Orders.Captured, m.Orders.Refunded)})
		}
		if m.Gateway != nil && *m.Gateway != m.Payments {
			t.found(Finding{Subject: "currency " + currency, Detail: fmt.Sprintf("the gateway took %d and gave back %d, payments say %d and %d",
				m.Gateway.Captured, m.Gateway.Refunded, m.Payments.Captured, m.Payments.Refunded)})
		}
	}
	a.withoutGateway(t)
}

func (a *auditor) withoutGateway(t *tally) {
	if a.Gateway == nil {
		t.limit("no gateway to ask: the services were compared with each other only")
	}
}

func (a *auditor) book(c *orderCase) {
	o, p := c.order.Record, c.paid()
	m := a.money[o.Currency]
	if o.Status != schemas.OrderCancelled {
		m.Orders.Captured += o.Total
		m.Orders.Refunded += o.RefundDue
	}
	a.money[o.Currency] = m
	if p.Currency != "" {
		m := a.money[p.Currency]
		m.Payments.Captured += p.Captured
		m.Payments.Refunded += p.Refunded
		a.money[p.Currency] = m
	}
	a.bookGateway(c)
	if m := a.money[o.Currency]; a.Gateway != nil && m.Gateway == nil {
		m.Gateway = &Sum{}
		a.money[o.Currency] = m
	}
}

func (a *auditor) bookGateway(c *orderCase) {
	for _, e := range c.entries {
		m := a.money[e.Currency]
		if m.Gateway == nil {
			m.Gateway = &Sum{}
		}
		m.Gateway.Captured += e.Captured
		m.Gateway.Refunded += e.Refunded
		a.money[e.Currency] = m
	}
}

// moneyOrders looks at one order at a time: what its record says against the
// payment's, and the payment's against the gateway's.
func (a *auditor) moneyOrders(t *tally) {
	a.sparing(t)
	a.withoutGateway(t)
	for _, c := range a.cases {
		accuse := func(format string, args ...any) {
			t.found(Finding{Subject: "order " + c.id, Detail: fmt.Sprintf(format, args...)})
		}
		if p := c.paid(); p.Refunded < 0 || p.Refunded > p.Captured || p.Captured > p.Amount {
			accuse("the payment of %d took %d and gave back %d", p.Amount, p.Captured, p.Refunded)
		}
		if c.order != nil && c.order.Record != nil {
			t.examined(1)
			checkTotals(*c.order.Record, accuse)
		}
		if !c.judged {
			continue
		}
		if c.order != nil && c.order.Record != nil {
			compareMoney(*c.order.Record, c.paid(), c.finished(), accuse)
		}
		if a.Gateway != nil {
			compareGateway(c, accuse)
		}
	}
}

func checkTotals(o schemas.Order, accuse func(string, ...any)) {
	var sum int64
	for _, l := range o.Lines {
		sum += l.Amount
		if l.Returned < 0 || l.Returned > l.Quantity {
			accuse("line %d returned %d of %d", l.Line, l.Returned, l.Quantity)
		}
	}
	if sum != o.Total {
		accuse("the total is %d, the lines add up to %d", o.Total, sum)
	}
	if o.RefundDue < 0 || o.RefundDue > o.Total {
		accuse("%d is due back of %d", o.RefundDue, o.Total)
	}
}

func compareMoney(o schemas.Order, p schemas.Payment, finished bool, accuse func(string, ...any)) {
	if p.Currency != "" && (p.Currency != o.Currency || p.Amount != o.Total) {
		accuse("costs %d %s, the payment is of %d %s", o.Total, o.Currency, p.Amount, p.Currency)
	}
	switch o.Status {
	case schemas.OrderCompleted, schemas.OrderReturned:
		if p.Captured != o.Total {
			accuse("is %s for %d, and %d was taken", o.Status, o.Total, p.Captured)
		}
	case schemas.OrderCancelled, schemas.OrderPlaced:
		if p.Captured != 0 {
			accuse("is %s, and %d was taken", o.Status, p.Captured)
		}
	case schemas.OrderConfirmed:
		if p.Captured != 0 && p.Captured != o.Total {
			accuse("is %s for %d, and %d was taken", o.Status, o.Total, p.Captured)
		}
	}
	if p.Refunded > o.RefundDue || finished && o.Status != schemas.OrderCancelled && p.Refunded != o.RefundDue {
		accuse("%d is due back, and %d was given back", o.RefundDue, p.Refunded)
	}
}

func compareGateway(c *orderCase, accuse func(string, ...any)) {
	p := c.paid()
	var sum Sum
	known := p.GatewayPaymentID == ""
	for _, e := range c.entries {
		sum.Captured += e.Captured
		sum.Refunded += e.Refunded
		known = known || e.ID == p.GatewayPaymentID
		if e.Refunded > e.Captured || e.Captured > e.Authorized {
			accuse("gateway payment %s held %d, took %d and gave back %d", e.ID, e.Authorized, e.Captured, e.Refunded)
		}
		if p.Currency != "" && e.Currency != p.Currency {
			accuse("gateway payment %s is in %s, not in %s", e.ID, e.Currency, p.Currency)
		}
	}
	if sum != (Sum{p.Captured, p.Refunded}) {
		accuse("the gateway took %d and gave back %d, the payment says %d and %d", sum.Captured, sum.Refunded, p.Captured, p.Refunded)
	}
	if !known {
		accuse("the gateway does not know payment %s", p.GatewayPaymentID)
	}
}

// charges holds at any moment: what was captured stays captured.
func (a *auditor) charges(t *tally) {
	a.withoutGateway(t)
	for _, c := range a.cases {
		t.examined(len(c.entries))
		captured := 0
		var ids string
		for _, e := range c.entries {
			if e.Captured > 0 {
				captured++
				ids += " " + e.ID
			}
			if e.Captures > 1 {
				t.found(Finding{Subject: "order " + c.id, Detail: fmt.Sprintf("gateway payment %s was captured %d times", e.ID, e.Captures)})
			}
		}
		if captured > 1 {
			t.found(Finding{Subject: "order " + c.id, Detail: fmt.Sprintf("%d gateway payments were captured:%s", captured, ids)})
		}
	}
}

func (a *auditor) holds(t *tally) {
	a.withoutGateway(t)
	a.sparing(t)
	for _, c := range a.cases {
		t.examined(len(c.entries))
		if !c.judged {
			continue
		}
		var holds int
		for _, e := range c.entries {
			if e.Held == 0 {
				continue
			}
			holds++
			accuse := func(format string, args ...any) {
				t.found(Finding{Subject: "order " + c.id, Detail: fmt.Sprintf("%d %s held by %s ", e.Held, e.Currency, e.ID) + fmt.Sprintf(format, args...)})
			}
			switch s := c.status(); {
			case c.order == nil:
				accuse("for an order that nobody knows")
			case s != schemas.OrderPlaced && s != schemas.OrderConfirmed:
				accuse("for an order that is %s", s)
			case holds > 1:
				accuse("besides another hold for the order")
			}
		}
	}
}
