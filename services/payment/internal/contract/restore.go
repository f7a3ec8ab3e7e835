package contract

import (
	"strings"

	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/payment"
)

// Restore is the payment that a record tells of. Records do not tell the means of
// payment, which known, an older state of it, may. Nor do they tell what was asked
// of the gateway since, whose outcome nobody else has seen: nothing is in flight,
// and what the payment then asks for again has the key that it had before.
func Restore(known payment.State, said schemas.Payment) payment.State {
	s := payment.State{
		OrderID: said.OrderID, Status: payment.Status(said.Status), GatewayID: said.GatewayPaymentID,
		Amount: said.Amount, Currency: said.Currency, Method: known.Method, Captured: said.Captured, Refunded: said.Refunded,
		Reason: said.Reason, UpdatedAt: said.UpdatedAt.UnixMicro(), LastEvent: said.Event,
	}
	if refusal, ok := strings.CutPrefix(s.Reason, payment.ReasonCaptureRefused+": "); ok && s.Status == payment.StatusVoided {
		s.CaptureRefusal = refusal
	}
	return s
}
