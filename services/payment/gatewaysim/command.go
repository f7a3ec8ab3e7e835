package gatewaysim

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// reply is an answer ready to be sent.
type reply struct {
	status   int
	body     []byte
	replayed bool
	// final answers are kept under the request's Idempotency-Key.
	final bool
	// mishap is never, late or answerLost, or none.
	mishap mishap
}

// outcome is what a command came to: an object, or a refusal, or a mishap.
type outcome struct {
	object  any
	refusal *apiError
	mishap  mishap
}

func refused(e *apiError) (outcome, error) { return outcome{refusal: e}, nil }

func (o outcome) reply() (reply, error) {
	switch {
	case o.mishap == unavailable:
		return serviceUnavailable().reply()
	case o.mishap == rateLimited:
		return tooMany().reply()
	case o.mishap == never || o.mishap == late:
		return reply{mishap: o.mishap}, nil
	case o.refusal != nil:
		r, err := o.refusal.reply()
		r.mishap = o.mishap
		return r, err
	}
	body, err := json.Marshal(o.object)
	if err != nil {
		return reply{}, fmt.Errorf("encode answer: %w", err)
	}
	return reply{status: http.StatusOK, body: body, final: true, mishap: o.mishap}, nil
}

// command is a call that changes the ledger.
type command struct {
	params []string
	run    func(*tx, *request) (outcome, error)
}

// execute carries the command out, or answers what was answered before. It is
// part of the commit that makes both the change and the answer durable.
func (c command) execute(t *tx, req *request) (reply, error) {
	if req.key == "" {
		return c.once(t, req)
	}
	old, same, err := t.answer(req.key, req.fingerprint)
	switch {
	case err != nil:
		return reply{}, err
	case old != nil && same:
		return *old, nil
	case old != nil:
		return (&apiError{
			status: http.StatusBadRequest, kind: idempotencyError,
			message: "Keys for idempotent requests can only be used with the same endpoint and parameters they were first used with.",
		}).reply()
	}
	r, err := c.once(t, req)
	if err != nil || !r.final {
		return r, err
	}
	return r, t.keep(req.key, req.fingerprint, r)
}

func (c command) once(t *tx, req *request) (reply, error) {
	o, err := c.run(t, req)
	if err != nil {
		return reply{}, err
	}
	return o.reply()
}

func create(t *tx, req *request) (outcome, error) {
	amount, refusal := req.amount("amount", true)
	if refusal != nil {
		return refused(refusal)
	}
	method, refusal := req.paymentMethod()
	if refusal != nil {
		return refused(refusal)
	}
	currency := strings.ToLower(req.values.Get("currency"))
	switch {
	case !validCurrency(currency):
		return refused(invalid("currency", "Invalid currency: %s.", currency))
	case req.values.Get("capture_method") != "manual":
		return refused(invalid("capture_method", "This gateway holds and captures in two steps: capture_method must be manual."))
	case req.values.Get("confirm") == "true":
		return refused(invalid("confirm", "This gateway creates and confirms in two steps."))
	}
	p := newPayment(amount, currency, method, req.metadata(), t.now)
	return saved(t, p, req, nil, none)
}

func confirm(t *tx, req *request) (outcome, error) {
	p, method, refusal, err := findFor(t, req)
	if refusal != nil || err != nil {
		return outcome{refusal: refusal}, err
	}
	if method != "" && p.status == requiresPaymentMethod {
		p.status = requiresConfirmation
	}
	if method != "" && p.status == requiresConfirmation {
		p.method = method
	}
	if !req.delayed {
		p.confirmTries++
	}
	m := cards[p.method].confirm.at(p.confirmTries)
	if m == late && req.delayed {
		m = none
	}
	if m == none || m == answerLost {
		refusal = p.confirm()
	}
	return saved(t, p, req, refusal, m)
}

func capture(t *tx, req *request) (outcome, error) {
	amount, refusal := req.amount("amount_to_capture", false)
	if refusal != nil {
		return refused(refusal)
	}
	p, _, refusal, err := findFor(t, req)
	if refusal != nil || err != nil {
		return outcome{refusal: refusal}, err
	}
	p.captureTries++
	refusal = p.capture(amount)
	return saved(t, p, req, refusal, cards[p.method].capture.at(p.captureTries))
}

func cancel(t *tx, req *request) (outcome, error) {
	p, _, refusal, err := findFor(t, req)
	if refusal != nil || err != nil {
		return outcome{refusal: refusal}, err
	}
	refusal = p.cancel(req.values.Get("cancellation_reason"), t.now)
	return saved(t, p, req, refusal, none)
}

func giveBack(t *tx, req *request) (outcome, error) {
	amount, refusal := req.amount("amount", false)
	if refusal != nil {
		return refused(refusal)
	}
	id := req.values.Get("payment_intent")
	p, err := t.payment(id)
	switch {
	case err != nil:
		return outcome{}, err
	case p == nil:
		return refused(missing(http.StatusNotFound, "payment_intent", "payment_intent", id))
	}
	amount, refusal = p.refund(amount)
	if refusal != nil {
		return refused(refusal)
	}
	r := refund{id: "re_" + rand.Text(), paymentID: p.id, amount: amount, created: t.now.Unix(), metadata: req.metadata()}
	if err := t.save(p); err != nil {
		return outcome{}, err
	}
	return outcome{object: refundObject(p, r, req.expansion(""))}, t.addRefund(r)
}

// findFor loads the payment that the path names, and the payment method that the
// request names, if any.
func findFor(t *tx, req *request) (*payment, string, *apiError, error) {
	method, refusal := req.paymentMethod()
	if refusal != nil {
		return nil, "", refusal, nil
	}
	p, err := t.payment(req.id)
	if err == nil && p == nil {
		refusal = missing(http.StatusNotFound, "intent", "payment_intent", req.id)
	}
	return p, method, refusal, err
}

// saved stores p also when the command was refused: a decline and a counted try
// are changes too.
func saved(t *tx, p *payment, req *request, refusal *apiError, m mishap) (outcome, error) {
	if err := t.save(p); err != nil {
		return outcome{}, err
	}
	if refusal != nil {
		return outcome{refusal: refusal, mishap: m}, nil
	}
	return outcome{object: intentObject(p, req.expansion("")), mishap: m}, nil
}
