package contract

import (
	"cmp"
	"strings"

	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/order"
)

// Restore is the order that a record tells of. Records do not tell the deadline,
// which returns made up the returned quantities, and when the order was confirmed:
// known, an older state of it, may.
func Restore(known order.State, said schemas.Order) order.State {
	s := order.State{
		OrderID: said.OrderID, Status: order.Status(said.Status), Customer: said.Customer, Currency: said.Currency,
		PaymentMethod: said.PaymentMethod, Total: said.Total, RefundDue: said.RefundDue,
		Deadline: known.Deadline, Returns: known.Returns, ConfirmedAt: known.ConfirmedAt,
		PlacedAt: said.PlacedAt.UnixMicro(), UpdatedAt: said.UpdatedAt.UnixMicro(), LastEvent: said.Event,
	}
	for _, l := range said.Lines {
		s.Lines = append(s.Lines, order.Line{
			Line: int32(l.Line), SKU: l.SKU, Description: l.Description, Quantity: l.Quantity, Amount: l.Amount,
			Kind: order.Kind(l.Kind), Returned: l.Returned,
		})
	}
	reason, detail, _ := strings.Cut(said.Reason, ": ")
	s.CancelReason, s.CancelDetail = order.CancelReason(reason), detail
	switch s.Status {
	case order.StatusConfirmed, order.StatusCompleted, order.StatusReturned:
		s.ConfirmedAt = cmp.Or(s.ConfirmedAt, s.UpdatedAt)
	case order.StatusCancelled:
		if s.CancelReason == order.ReasonCaptureRefused {
			s.ConfirmedAt = cmp.Or(s.ConfirmedAt, s.UpdatedAt)
		}
	case order.StatusNone, order.StatusPlaced:
	}
	return s
}
