package gatewaysim

import "strings"

// expansion names the references that an answer carries as whole objects.
type expansion struct {
	charge        bool
	paymentIntent bool
}

func parseExpansion(paths []string, under string) expansion {
	var e expansion
	for _, p := range paths {
		p = strings.TrimPrefix(strings.TrimPrefix(p, under), ".")
		switch p {
		case "latest_charge", "charge":
			e.charge = true
		case "payment_intent":
			e.paymentIntent = true
		case "payment_intent.latest_charge":
			e.paymentIntent, e.charge = true, true
		}
	}
	return e
}

type paymentIntent struct {
	ID                 string            `json:"id"`
	Object             string            `json:"object"`
	Amount             int64             `json:"amount"`
	AmountCapturable   int64             `json:"amount_capturable"`
	AmountReceived     int64             `json:"amount_received"`
	CanceledAt         *int64            `json:"canceled_at"`
	CancellationReason *string           `json:"cancellation_reason"`
	CaptureMethod      string            `json:"capture_method"`
	ConfirmationMethod string            `json:"confirmation_method"`
	Created            int64             `json:"created"`
	Currency           string            `json:"currency"`
	LastPaymentError   *errorObject      `json:"last_payment_error"`
	LatestCharge       any               `json:"latest_charge"`
	Livemode           bool              `json:"livemode"`
	Metadata           map[string]string `json:"metadata"`
	PaymentMethod      *string           `json:"payment_method"`
	PaymentMethodTypes []string          `json:"payment_method_types"`
	Status             status            `json:"status"`
}

func intentObject(p *payment, e expansion) paymentIntent {
	o := paymentIntent{
		ID: p.id, Object: "payment_intent",
		Amount: p.amount, AmountCapturable: p.held(), AmountReceived: p.captured,
		CaptureMethod: "manual", ConfirmationMethod: "automatic",
		Created: p.created, Currency: p.currency, Metadata: p.metadata,
		PaymentMethodTypes: []string{"card"}, Status: p.status,
	}
	if p.status != requiresPaymentMethod {
		o.PaymentMethod = optional(p.method)
	}
	if p.status == canceled {
		o.CanceledAt = &p.canceledAt
		o.CancellationReason = optional(p.cancelReason)
	}
	if p.declineCode != "" {
		failure := cardDeclined(p, p.declineCode)
		failure.about = nil
		last := failure.object()
		last.Charge = p.chargeID()
		o.LastPaymentError = &last
	}
	switch {
	case !p.charged():
	case e.charge:
		o.LatestCharge = chargeObject(p)
	default:
		o.LatestCharge = p.chargeID()
	}
	return o
}

type charge struct {
	ID             string            `json:"id"`
	Object         string            `json:"object"`
	Amount         int64             `json:"amount"`
	AmountCaptured int64             `json:"amount_captured"`
	AmountRefunded int64             `json:"amount_refunded"`
	Captured       bool              `json:"captured"`
	Created        int64             `json:"created"`
	Currency       string            `json:"currency"`
	FailureCode    *string           `json:"failure_code"`
	FailureMessage *string           `json:"failure_message"`
	Livemode       bool              `json:"livemode"`
	Metadata       map[string]string `json:"metadata"`
	Paid           bool              `json:"paid"`
	PaymentIntent  string            `json:"payment_intent"`
	PaymentMethod  string            `json:"payment_method"`
	Refunded       bool              `json:"refunded"`
	Status         string            `json:"status"`
}

// chargeObject shows a cancelled hold as refunded, as Stripe does, although no
// money was ever taken: callers have to cope with that.
func chargeObject(p *payment) charge {
	c := charge{
		ID: p.chargeID(), Object: "charge",
		Amount: p.amount, AmountCaptured: p.captured, AmountRefunded: p.refunded,
		Captured: p.status == succeeded, Created: p.created, Currency: p.currency, Metadata: p.metadata,
		Paid: p.confirms > 0, PaymentIntent: p.id, PaymentMethod: p.method,
		Refunded: p.captured > 0 && p.refunded == p.captured, Status: "succeeded",
	}
	switch {
	case p.confirms == 0:
		c.Status = "failed"
		c.FailureCode = optional("card_declined")
		c.FailureMessage = optional(declineMessage(p.declineCode))
	case p.status == canceled:
		c.AmountRefunded, c.Refunded = p.authorized, true
	}
	return c
}

type refundJSON struct {
	ID            string            `json:"id"`
	Object        string            `json:"object"`
	Amount        int64             `json:"amount"`
	Charge        string            `json:"charge"`
	Created       int64             `json:"created"`
	Currency      string            `json:"currency"`
	Metadata      map[string]string `json:"metadata"`
	PaymentIntent any               `json:"payment_intent"`
	Status        string            `json:"status"`
}

func refundObject(p *payment, r refund, e expansion) refundJSON {
	o := refundJSON{
		ID: r.id, Object: "refund", Amount: r.amount, Charge: p.chargeID(), Created: r.created,
		Currency: p.currency, Metadata: r.metadata, PaymentIntent: p.id, Status: "succeeded",
	}
	if e.paymentIntent {
		o.PaymentIntent = intentObject(p, e)
	}
	return o
}

type listJSON struct {
	Object  string       `json:"object"`
	URL     string       `json:"url"`
	HasMore bool         `json:"has_more"`
	Data    []refundJSON `json:"data"`
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
