package gatewaysim

// mishap is what goes wrong with one request beyond a plain no.
type mishap int

const (
	none mishap = iota
	never
	late
	answerLost
	unavailable
	rateLimited
)

// script is a mishap and how many requests of a payment it meets, counted from
// the first.
type script struct {
	mishap mishap
	times  int
}

// at tells what happens to the try-th request (from 1).
func (s script) at(try int) mishap {
	if try > s.times {
		return none
	}
	return s.mishap
}

// card is how a payment method token behaves. The zero value approves.
type card struct {
	decline        string
	captureDecline string
	confirm        script
	capture        script
}

const (
	genericDecline      = "generic_decline"
	insufficientFunds   = "insufficient_funds"
	authorizationGone   = "revocation_of_authorization"
	unavailableRequests = 2
)

// cards holds every token that exists here; another one is a missing resource.
// Stripe has renamed the declining tokens over time: both spellings work.
var cards = map[string]card{
	"pm_card_visa":                                 {},
	"pm_card_mastercard":                           {},
	"pm_card_amex":                                 {},
	"pm_card_chargeDeclined":                       {decline: genericDecline},
	"pm_card_visa_chargeDeclined":                  {decline: genericDecline},
	"pm_card_chargeDeclinedInsufficientFunds":      {decline: insufficientFunds},
	"pm_card_visa_chargeDeclinedInsufficientFunds": {decline: insufficientFunds},
	"pm_sim_captureRefused":                        {captureDecline: authorizationGone},
	"pm_sim_timeoutOnce":                           {confirm: script{never, 1}},
	"pm_sim_lateOnce":                              {confirm: script{late, 1}},
	"pm_sim_chargedThenTimeout":                    {confirm: script{answerLost, 1}},
	"pm_sim_captureChargedThenTimeout":             {capture: script{answerLost, 1}},
	"pm_sim_unavailableTwice":                      {confirm: script{unavailable, unavailableRequests}},
	"pm_sim_rateLimitedOnce":                       {confirm: script{rateLimited, 1}},
}
