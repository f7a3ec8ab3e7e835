// Package gatewaysim is a card gateway for development, demonstrations and
// tests: a real HTTP server with a durable ledger of its own, speaking the part
// of Stripe's API that the payment service uses. The official client works
// against it unmodified.
//
// # What it guarantees
//
// An answer is sent only after the change it reports is on disk, so a payment
// whose authorization was acknowledged survives kill -9. Captured never exceeds
// authorized and refunded never exceeds captured, whatever is asked of it. A
// request repeated with its Idempotency-Key gets the first answer again until
// the key expires. Cancelling is final: a confirm that arrives later is refused.
//
// # How a payment misbehaves
//
// The payment method token decides, so a scenario needs no setup and repeats
// exactly, also across a restart:
//
//	pm_card_visa                                approves
//	pm_card_chargeDeclined                      declines (generic_decline)
//	pm_card_chargeDeclinedInsufficientFunds     declines (insufficient_funds)
//	pm_sim_captureRefused                       approves, then refuses every capture
//	pm_sim_timeoutOnce                          first confirm: does nothing, never answers
//	pm_sim_lateOnce                             first confirm: reaches the gateway after Config.LateDelay
//	pm_sim_chargedThenTimeout                   first confirm: authorizes, then closes the connection
//	pm_sim_captureChargedThenTimeout            first capture: captures, then closes the connection
//	pm_sim_unavailableTwice                     first two confirms: 503, nothing done
//	pm_sim_rateLimitedOnce                      first confirm: 429, nothing done
//
// Faults of the gateway as a whole (down, slow, failing at random from a seed)
// are set under /_sim/faults, and the ledger is read under /_sim/ledger and
// /_sim/totals; [Control] is the client for these.
//
// # What it does not do
//
// No customers, webhooks, disputes, fees, 3-D Secure, automatic capture or
// connected accounts, and no security worth the name: it must never be reachable
// by anyone who should not invent money.
package gatewaysim
