// Package inventory is the pure domain of the inventory service: it holds
// stock for orders, all lines or none, and never sells what is not there.
//
// It is the standard library only and has no clock, no randomness, no ids and
// no I/O. There are two aggregates. A reservation belongs to one order:
//
//	Decide(state, command) → events, or a refusal    what may happen
//	Evolve(state, event)   → state                   what has happened
//	React(state, observed) → command                 what to do next, if anything
//
//	order PLACED                 order CONFIRMED           goods came back
//	  │                            │                         │
//	  ▼                            ▼                         ▼
//	(none) ────► RESERVED ──────────► COMMITTED ──┐ Restock ──► RESTOCKED
//	  │  │          │                    │     ◄──┘ (some)        ▲
//	  │  │ short    │ order CANCELLED    └────────────────────────┘
//	  │  ▼          ▼                      order CANCELLED
//	  │ REJECTED  RELEASED ◄─┐             (the capture was refused)
//	  │                      │
//	  └──────────────────────┘ order CANCELLED, seen before PLACED: a floor
//
// A stock item belongs to one SKU, and follows DecideStock and EvolveStock:
//
//	            Receive                      WriteOff (available only)
//	               │                              ▲
//	               ▼            Hold              │
//	PutBack ──► available ◄───────────► reserved  │
//	               │           Unhold      │      │
//	               └───────────────────────┼──────┘
//	                                       ▼ Take: has left the shelf
//
// The two meet in one commit of the store: SKUs says which stock items a
// command can touch, so that all are locked in one sorted order before
// anything is decided, and StockEffects says what the reservation's events do
// to them.
//
// Guarantees, of every stock item at every moment: on hand = received +
// restocked − committed − written off, and 0 ≤ reserved ≤ on hand. Of every
// reservation: what is put back only grows and never exceeds what was taken.
// Lines without stock (services) never get here. Not here: which orders win
// when there is not enough for all; that is the order in which they arrive.
package inventory
