package model

import (
	"cmp"
	"fmt"
	"slices"
)

// The gateway is a ledger of payments. Payments have numbers from 1. It answers
// every request at once, by what is true then; under an idempotency key it
// repeats its first answer. A cancelled payment stays cancelled.
//
// Whether it approves is its own choice, made where a request first needs it.

// held is where a payment stands at the gateway.
type held uint8

const (
	created held = iota
	declined
	authorized
	captured
	canceled
)

func (h held) String() string {
	return [...]string{"created", "declined", "authorized", "captured", "canceled"}[h]
}

// ledger is what the gateway knows of one order.
type ledger struct {
	Payments []entry
	Keys     []kept // sorted by key
}

type entry struct {
	Status   held
	Amount   int64
	Captured int64
	Refunds  []refund `json:",omitempty"`
}

type refund struct {
	Key    string
	Amount int64
}

func (e entry) refunded() int64 {
	var sum int64
	for _, r := range e.Refunds {
		sum += r.Amount
	}
	return sum
}

// kept is an answer that is repeated for its idempotency key.
type kept struct {
	Key    string
	For    request
	Answer response
}

// verb is what a request asks for.
type verb uint8

const (
	noRequest verb = iota
	create
	confirm
	capture
	cancel
	giveBack
	get     // what is true of a payment now
	refunds // whether a payment has a refund with this key
)

func (v verb) String() string {
	return [...]string{"nothing", "create", "confirm", "capture", "cancel", "refund", "get", "list refunds"}[v]
}

// request is one request on its way to the gateway.
type request struct {
	Verb    verb
	Payment int    `json:",omitempty"`
	Key     string `json:",omitempty"`
	Amount  int64  `json:",omitempty"`
}

func (r request) String() string {
	switch r.Verb {
	case create:
		return fmt.Sprintf("create %d", r.Amount)
	case giveBack:
		return fmt.Sprintf("refund %d of payment %d (key %s)", r.Amount, r.Payment, r.Key)
	default:
		return fmt.Sprintf("%s payment %d", r.Verb, r.Payment)
	}
}

// moves tells whether the request can change anything.
func (r request) moves() bool { return r.Verb != noRequest && r.Verb != get && r.Verb != refunds }

func (r request) compare(other request) int {
	return cmp.Or(cmp.Compare(r.Verb, other.Verb), cmp.Compare(r.Payment, other.Payment),
		cmp.Compare(r.Key, other.Key), cmp.Compare(r.Amount, other.Amount))
}

// response is the gateway's answer. Refused is its code, if it refused.
type response struct {
	Payment  int    `json:",omitempty"`
	Status   held   `json:",omitempty"`
	Refused  string `json:",omitempty"`
	Invalid  bool   `json:",omitempty"`
	Found    int64  `json:",omitempty"` // the amount of the refund that was asked for
	Repeated bool   `json:",omitempty"`
}

const (
	unexpectedState = "unexpected_state"
	cardDeclined    = "card_declined"
	captureDeclined = "capture_declined"
)

// choices is how many ways the gateway can answer; 0 is approval.
func (l ledger) choices(r request) int {
	if _, repeated := l.kept(r.Key); repeated || r.Payment > len(l.Payments) {
		return 1
	}
	switch {
	case r.Verb == create:
		return 2
	case r.Verb == confirm && l.Payments[r.Payment-1].Status == created:
		return 2
	case r.Verb == capture && l.Payments[r.Payment-1].Status == authorized:
		return 2
	}
	return 1
}

func (l ledger) kept(key string) (kept, bool) {
	i, ok := slices.BinarySearchFunc(l.Keys, key, func(k kept, key string) int { return cmp.Compare(k.Key, key) })
	if !ok {
		return kept{}, false
	}
	return l.Keys[i], true
}

// serve carries a request out. The ledger is a value: l stays as it is.
func (l ledger) serve(r request, refuse bool, holds bool) (ledger, response) {
	if !r.moves() {
		return l, l.look(r)
	}
	if before, ok := l.kept(r.Key); ok {
		if before.For != r {
			return l, response{Invalid: true}
		}
		before.Answer.Repeated = true
		return l, before.Answer
	}
	l.Payments = slices.Clone(l.Payments)
	answer := l.move(r, refuse, holds)
	l.Keys = append(slices.Clone(l.Keys), kept{Key: r.Key, For: r, Answer: answer})
	slices.SortFunc(l.Keys, func(a, b kept) int { return cmp.Compare(a.Key, b.Key) })
	return l, answer
}

func (l ledger) look(r request) response {
	if r.Payment < 1 || r.Payment > len(l.Payments) {
		return response{Invalid: true}
	}
	e := l.Payments[r.Payment-1]
	answer := response{Payment: r.Payment, Status: e.Status}
	if r.Verb == refunds {
		for _, made := range e.Refunds {
			if made.Key == r.Key {
				answer.Found = made.Amount
			}
		}
	}
	return answer
}

// move changes the ledger's payments in place.
func (l *ledger) move(r request, refuse, holds bool) response {
	if r.Verb == create {
		if refuse {
			return response{Refused: cardDeclined}
		}
		e := entry{Amount: r.Amount}
		if holds {
			e.Status = authorized
		}
		l.Payments = append(l.Payments, e)
		return response{Payment: len(l.Payments), Status: e.Status}
	}
	if r.Payment < 1 || r.Payment > len(l.Payments) {
		return response{Invalid: true}
	}
	e := &l.Payments[r.Payment-1]
	switch {
	case r.Verb == confirm && e.Status == created && refuse:
		e.Status = declined
		return response{Payment: r.Payment, Refused: cardDeclined}
	case r.Verb == confirm && e.Status == created:
		e.Status = authorized
	case r.Verb == capture && e.Status == authorized && refuse:
		return response{Payment: r.Payment, Refused: captureDeclined}
	case r.Verb == capture && e.Status == authorized:
		e.Status, e.Captured = captured, e.Amount
	case r.Verb == cancel && e.Status != captured && e.Status != canceled:
		e.Status = canceled
	case r.Verb == giveBack && e.Status == captured && e.refunded()+r.Amount <= e.Captured:
		e.Refunds = append(slices.Clone(e.Refunds), refund{Key: r.Key, Amount: r.Amount})
	default:
		return response{Payment: r.Payment, Refused: unexpectedState}
	}
	return response{Payment: r.Payment, Status: e.Status}
}

// forget is the ledger when all idempotency keys have expired.
func (l ledger) forget() ledger {
	l.Keys = nil
	return l
}

// lapse is the ledger after the gateway has given up what it held.
func (l ledger) lapse() ledger {
	l.Payments = slices.Clone(l.Payments)
	for i := range l.Payments {
		if l.Payments[i].Status == authorized {
			l.Payments[i].Status = canceled
		}
	}
	return l
}

// sums are what the gateway holds, has taken and has given back, and how many
// payments it took money for.
func (l ledger) sums() (holds, takes int, taken, refunded int64) {
	for _, e := range l.Payments {
		if e.Status == authorized {
			holds++
		}
		if e.Captured > 0 {
			takes++
		}
		taken += e.Captured
		refunded += e.refunded()
	}
	return holds, takes, taken, refunded
}
