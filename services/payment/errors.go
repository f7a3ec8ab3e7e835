package payment

import "errors"

// The kinds of refusal. Every error of Decide is one of them under errors.Is.
var (
	// ErrUnknown says that there is no payment for this order.
	ErrUnknown = errors.New("unknown payment")
	// ErrInvalid says that the command could never be accepted as it is.
	ErrInvalid = errors.New("invalid")
	// ErrImpossible says that an observation or an outcome contradicts this
	// payment: somebody has broken the choreography, was restored from an older
	// copy, or moved money by hand. Repeating does not help; a person has to look.
	ErrImpossible = errors.New("impossible observation")
)
