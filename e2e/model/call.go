package model

import (
	"fmt"
	"strconv"

	"github.com/murmuration-dev/murmuration/services/payment"
)

// call is one executor's call of the gateway: which command of the payment it
// carries out, and the request that is on its way, or the answer. It is volatile.
// The steps are those of the payment service's client: a command that the gateway
// says was answered before, or that its payment is no longer in a state for, is
// followed by asking what is true; a refund is preceded by asking whether it was
// made.
type call struct {
	Command payment.GatewayCommand
	Request request
	// Refused is what the gateway said before it is asked what is true.
	Refused string `json:",omitempty"`
	Answer  answer
}

// verdict is what a call came to.
type verdict uint8

const (
	waiting verdict = iota
	opened
	holding
	refused
	taken
	notTaken
	voided
	refunded
	unknown // ask again
	person  // no repetition helps
	over    // the payment no longer waits for this
)

// answer is the outcome of a call.
type answer struct {
	Verdict verdict `json:",omitempty"`
	Text    string  `json:",omitempty"`
	To      int64   `json:",omitempty"`
}

// outcome is what the payment records of the answer; nil for nothing.
func (c call) outcome() (payment.Command, error) {
	switch a := c.Answer; a.Verdict {
	case opened:
		return payment.RecordOpened{GatewayID: a.Text}, nil
	case holding:
		return payment.RecordAuthorized{}, nil
	case refused:
		return payment.RecordDeclined{Kind: c.Command.Kind, Reason: a.Text}, nil
	case taken:
		return payment.RecordCaptured{}, nil
	case notTaken:
		return payment.RecordCaptureRefused{Reason: a.Text}, nil
	case voided:
		return payment.RecordVoided{}, nil
	case refunded:
		return payment.RecordRefunded{To: a.To}, nil
	case person:
		return nil, fmt.Errorf("%s: %s", c.Command.Key, a.Text)
	case waiting, unknown, over:
	}
	return nil, nil
}

func (a answer) String() string {
	return [...]string{
		"no answer", "created", "the money is held", "refused", "the money is taken", "capture refused", "voided",
		"refunded", "nobody knows", "a person is needed", "no longer wanted",
	}[a.Verdict]
}

// begin is the call for a command.
func begin(c payment.GatewayCommand, blindRefund bool) call {
	out := call{Command: c}
	if c.Kind == payment.KindRefund && !blindRefund {
		out.Request = request{Verb: refunds, Payment: number(c.GatewayID), Key: c.Key}
	} else {
		out.Request = requestFor(c)
	}
	return out
}

func requestFor(c payment.GatewayCommand) request {
	r := request{Payment: number(c.GatewayID), Key: c.Key}
	switch c.Kind {
	case payment.KindCreate:
		r.Verb, r.Amount = create, c.Amount
	case payment.KindConfirm:
		r.Verb = confirm
	case payment.KindCapture:
		r.Verb = capture
	case payment.KindVoid:
		r.Verb = cancel
	case payment.KindRefund:
		r.Verb, r.Amount = giveBack, c.Amount
	case payment.KindNone:
	}
	return r
}

// number reads the gateway's id of a payment; 0 if there is none.
func number(gatewayID string) int {
	n, err := strconv.Atoi(gatewayID)
	if err != nil {
		return 0
	}
	return n
}

// answered is the call after the gateway's answer to its request.
func (c call) answered(r response) call {
	was := c.Request.Verb
	c.Request = request{}
	switch {
	case r.Invalid:
		return c.finds(answer{Verdict: person, Text: "the request is invalid"})
	case was == refunds:
		return c.afterList(r)
	case was == get:
		return c.judged(r)
	case r.Repeated && r.Refused == "" || r.Refused == unexpectedState && c.Command.Kind != payment.KindRefund:
		c.Refused = unexpectedState
		payment := max(r.Payment, number(c.Command.GatewayID))
		c.Request = request{Verb: get, Payment: payment}
		return c
	case r.Refused != "":
		return c.refuses(r.Refused)
	}
	return c.judged(r)
}

// afterList: a refund that was made is not made again.
func (c call) afterList(r response) call {
	switch r.Found {
	case 0:
		c.Request = requestFor(c.Command)
		return c
	case c.Command.Amount:
		return c.finds(answer{Verdict: refunded, To: c.Command.To})
	}
	return c.finds(answer{Verdict: person, Text: "the key was used for another refund"})
}

// judged compares what is true with what was wanted.
func (c call) judged(r response) call {
	goal := map[payment.Kind]held{payment.KindConfirm: authorized, payment.KindCapture: captured, payment.KindVoid: canceled}
	switch kind := c.Command.Kind; {
	case kind == payment.KindCreate:
		return c.finds(answer{Verdict: opened, Text: strconv.Itoa(r.Payment)})
	case kind == payment.KindRefund:
		return c.finds(answer{Verdict: refunded, To: c.Command.To})
	case r.Status == goal[kind], kind == payment.KindConfirm && r.Status == captured:
		verdicts := map[payment.Kind]verdict{payment.KindConfirm: holding, payment.KindCapture: taken, payment.KindVoid: voided}
		return c.finds(answer{Verdict: verdicts[kind]})
	case r.Status == declined:
		return c.refuses(cardDeclined)
	case c.Refused == "":
		return c.finds(answer{Verdict: unknown})
	}
	return c.refuses(c.Refused)
}

// refuses: before anything is held a refusal declines, of a capture it is an
// outcome of its own, and later a person is needed.
func (c call) refuses(code string) call {
	switch c.Command.Kind {
	case payment.KindCreate, payment.KindConfirm:
		return c.finds(answer{Verdict: refused, Text: code})
	case payment.KindCapture:
		return c.finds(answer{Verdict: notTaken, Text: code})
	case payment.KindVoid, payment.KindRefund, payment.KindNone:
	}
	return c.finds(answer{Verdict: person, Text: code})
}

func (c call) finds(a answer) call {
	c.Refused, c.Answer = "", a
	return c
}
