// Package payment is the pure domain of the payment service: it takes money
// for an order once, never for a cancelled one, and gives back what is due.
//
// It is the standard library only and has no clock, no randomness, no ids and
// no I/O. Three functions are the whole of it:
//
//	Decide(state, command) → events, or a refusal    what may happen
//	Evolve(state, event)   → state                   what has happened
//	React(state, observed) → command                 what to do next, if anything
//
// React looks at the latest order record and never at how it came about. It
// runs after every observation and after every outcome of the gateway.
//
//	order PLACED              order PLACED               order CONFIRMED
//	  │                         │                          │
//	  ▼                         ▼                          ▼
//	(none) ──► AUTHORIZING ──► AUTHORIZING ──► AUTHORIZED ──► CAPTURED ──┐ REFUND from→to
//	  │         CREATE          CONFIRM   │        │ CAPTURE     │    ◄──┘ refund due grows
//	  │           │                │      ▼        │             ▼
//	  │ order     │ refused        └► DECLINED     │          REFUNDED (everything)
//	  │ CANCELLED └──────────────────────┘         │
//	  │                                            │ order CANCELLED, or
//	  └──────────► VOIDED ◄───── VOID ─────────────┘ the capture was refused
//
// The words in capitals beside an arrow are commands to the gateway. At most
// one is in flight per payment, and its key names the cumulative amounts, so
// that "returned minus refunded" can never be paid twice. Creating holds no
// money and yields the id by which everything later is asked, confirmed and
// cancelled; that id is stored before anything holds money. Whatever is
// observed while a command is in flight is remembered, and acted upon at its
// outcome. A timeout is not an outcome.
//
// AUTHORIZING is internal: a payment is shown from AUTHORIZED, DECLINED or
// VOIDED on. An order seen as CANCELLED before it was seen as PLACED leaves a
// VOIDED payment without effect, so that an old PLACED read later does nothing.
// A total of 0 takes the same path without a gateway.
//
// Guarantees: 0 ≤ refunded ≤ captured ≤ amount; nothing is captured once the
// order is known as cancelled. Not here: talking to a gateway, retrying, and
// asking it what is true after an unknown outcome.
package payment
