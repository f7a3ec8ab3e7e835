// Package order is the pure domain of the order service: what a customer may
// do with an order, and how an order follows what payment and inventory say.
//
// It is the standard library only and has no clock, no randomness, no ids and
// no I/O: times and identifiers arrive in commands. Three functions are the
// whole of it:
//
//	Decide(state, command) → events, or a refusal    what may happen
//	Evolve(state, event)   → state                   what has happened
//	React(state, observed) → command                 what to do next, if anything
//
// React looks at the latest payment and reservation of this order and never at
// how they got there, so repeated, reordered and skipped observations all lead
// to the same end.
//
//	               payment AUTHORIZED and            payment CAPTURED and
//	               reservation RESERVED              reservation COMMITTED
//	Place ──► PLACED ───────────────► CONFIRMED ───────────────► COMPLETED ──┐ Return
//	            │                         │                          │    ◄──┘ (some)
//	            │ customer, deadline,     │ payment VOIDED:          │ Return (all goods)
//	            │ payment DECLINED/VOIDED,│ the capture was          ▼
//	            │ reservation REJECTED/   │ refused              RETURNED ──┐ Return
//	            │ RELEASED                │                          ▲      │ (postage)
//	            └───────► CANCELLED ◄─────┘                          └──────┘
//
// CONFIRMED is the point of no return for the customer and the deadline: from
// there money and goods are being taken, and only a refused capture cancels.
// Others that act on a good order (shipping, say) wait for COMPLETED.
//
// Guarantees: an order moves only along the arrows; returned quantities and
// the refund that is due only grow, and never exceed what was bought and paid.
// Not here: whether an id is new, whether a deadline may fire yet (the caller
// must first have read every observation older than the deadline), and what
// other services are shown.
package order
