package model

import (
	"fmt"
	"slices"

	"github.com/murmuration-dev/murmuration/pkg/decider"
	"github.com/murmuration-dev/murmuration/services/payment"
)

// paymentDB is what the payment service stores of one payment.
type paymentDB struct {
	State   payment.State
	Seen    payment.Observed
	Version int64
	Intents []string // keys, sorted
	// Unwritten are intents that a torn commit has still to write; see
	// Flaws.TornIntents. A crash loses them.
	Unwritten []string `json:",omitempty"`
}

func (w *World) paymentDecider() decider.Decider[payment.State, payment.Command, payment.Event] {
	return decider.Decider[payment.State, payment.Command, payment.Event]{Decide: w.fn.PaymentDecide, Evolve: w.fn.PaymentEvolve}
}

// paymentReads observes a record of an order and lets its payment react, in one
// commit.
func (w *World) paymentReads(db, read id) outcome {
	before := w.payment(db)
	after := before
	var news bool
	if after.Seen, news = w.fn.PaymentSee(before.Seen, w.record(read).ToPayment); !news {
		return outcome{db: db}
	}
	events, err := w.paymentReacts(before.State, after.Seen)
	if err != nil {
		return outcome{db: db, breaks: "payment parks a record: " + err.Error()}
	}
	return w.commitPayment(before, after, events)
}

func (w *World) paymentReacts(s payment.State, seen payment.Observed) ([]payment.Event, error) {
	_, events, err := w.paymentDecider().Settle(s, func(s payment.State) (payment.Command, bool) {
		c := payment.Stamp(w.fn.PaymentReact(s, seen), now)
		return c, c != nil
	})
	return events, err
}

// paymentRecords commits what a call to the gateway came to, with what follows
// from it, and ends the intent.
func (w *World) paymentRecords(db, call id) outcome {
	c := w.call(call)
	before := w.payment(db)
	before.Intents = without(before.Intents, c.Command.Key)
	result, err := c.outcome()
	if refusal, ok := result.(payment.RecordDeclined); ok && w.cfg.Flaws.UnnamedRefusal {
		refusal.Kind = payment.KindNone
		result = refusal
	}
	if err != nil {
		return outcome{db: db, breaks: "payment parks an intent: " + err.Error()}
	}
	if result == nil {
		return outcome{db: w.putPayment(before)}
	}
	state, events, err := w.paymentDecider().Handle(before.State, payment.Stamp(result, now))
	forgets := w.cfg.Flaws.NoReactAfterOutcome && state.Status != payment.StatusAuthorizing
	if err == nil && !forgets {
		var more []payment.Event
		more, err = w.paymentReacts(state, before.Seen)
		events = append(events, more...)
	}
	if err != nil {
		return outcome{db: db, breaks: "payment parks an intent: " + err.Error()}
	}
	return w.commitPayment(before, before, events)
}

// commitPayment stores events and keeps the intents in step with the one gateway
// command that is in flight.
func (w *World) commitPayment(before, after paymentDB, events []payment.Event) outcome {
	for _, e := range events {
		from := after.State
		had, was := w.fn.PaymentPending(from)
		after.State = w.fn.PaymentEvolve(from, e)
		after.Version++
		if why := paymentArrow(from, after.State); why != "" {
			return outcome{breaks: why}
		}
		has, is := w.fn.PaymentPending(after.State)
		if was && (!is || has.Key != had.Key) {
			after.Intents = without(after.Intents, had.Key)
		}
		if is && (!was || has.Key != had.Key) {
			after = w.withIntent(after, has.Key)
		}
	}
	if why := w.rebuildPayment(before.State, after.State, events); why != "" {
		return outcome{breaks: why}
	}
	out := outcome{db: w.putPayment(after)}
	if _, shown := after.State.Public(); shown && payment.Publishes(events) {
		out.record = w.putRecord(paymentRecord(after.State, after.Version))
	}
	return out
}

func (w *World) withIntent(db paymentDB, key string) paymentDB {
	if w.cfg.Flaws.TornIntents {
		db.Unwritten = with(db.Unwritten, key)
	} else {
		db.Intents = with(db.Intents, key)
	}
	return db
}

// paymentArrow names a step that a payment must never make.
func paymentArrow(from, to payment.State) string {
	allowed := false
	switch from.Status {
	case payment.StatusNone:
		allowed = to.Status == payment.StatusAuthorizing || to.Status == payment.StatusVoided ||
			to.Status == payment.StatusAuthorized && to.Amount == 0
	case payment.StatusAuthorizing:
		allowed = to.Status == payment.StatusAuthorizing || to.Status == payment.StatusAuthorized ||
			to.Status == payment.StatusDeclined || to.Status == payment.StatusVoided
	case payment.StatusAuthorized:
		allowed = to.Status == payment.StatusAuthorized || to.Status == payment.StatusCaptured || to.Status == payment.StatusVoided
	case payment.StatusCaptured:
		allowed = to.Status == payment.StatusCaptured || to.Status == payment.StatusRefunded
	case payment.StatusDeclined, payment.StatusVoided, payment.StatusRefunded:
	}
	switch {
	case !allowed:
		return fmt.Sprintf("a payment that is %s becomes %s", from.Status, to.Status)
	case to.Refunded < from.Refunded || to.Refunded > to.Captured || to.Captured > to.Amount:
		return fmt.Sprintf("a payment of %d has captured %d and refunded %d", to.Amount, to.Captured, to.Refunded)
	}
	return ""
}

func (w *World) rebuildPayment(before, after payment.State, events []payment.Event) string {
	s := before
	for _, e := range events {
		name, schema, data, err := payment.EncodeEvent(e)
		if err == nil {
			e, err = payment.DecodeEvent(name, schema, data)
		}
		if err != nil {
			return "a payment's event cannot be stored: " + err.Error()
		}
		s = w.fn.PaymentEvolve(s, e)
	}
	if key(s) != key(after) {
		return "rebuilding a payment gives another state"
	}
	return ""
}

// with and without leave their argument as it is.
func with(keys []string, key string) []string {
	if slices.Contains(keys, key) {
		return keys
	}
	out := append(slices.Clone(keys), key)
	slices.Sort(out)
	return out
}

func without(keys []string, key string) []string {
	return slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return k == key })
}
