package httpapi

import (
	"time"

	"github.com/murmuration-dev/murmuration/services/order"
)

// View is an order as clients see it. Amounts are in minor units of the currency.
type View struct {
	OrderID       string           `json:"order_id"`
	Version       int64            `json:"version" doc:"Number of the last event"`
	Status        string           `json:"status" enum:"PLACED,CONFIRMED,COMPLETED,CANCELLED,RETURNED"`
	Settled       bool             `json:"settled" doc:"Nothing is left to do anywhere: no money held or owed, no stock held or owed"`
	Reason        string           `json:"reason,omitempty" doc:"Why the order was cancelled"`
	Detail        string           `json:"detail,omitempty" doc:"The wording of whoever refused"`
	Customer      string           `json:"customer,omitempty"`
	Currency      string           `json:"currency"`
	PaymentMethod string           `json:"payment_method,omitempty"`
	Total         int64            `json:"total"`
	RefundDue     int64            `json:"refund_due" doc:"What returns have made due, in total"`
	Lines         []LineView       `json:"lines"`
	Payment       *PaymentView     `json:"payment,omitempty" doc:"The payment as last seen"`
	Reservation   *ReservationView `json:"reservation,omitempty" doc:"The reservation as last seen"`
	Deadline      time.Time        `json:"deadline"`
	PlacedAt      time.Time        `json:"placed_at"`
	UpdatedAt     time.Time        `json:"updated_at"`
}

// LineView is one line of a View.
type LineView struct {
	Line        int32  `json:"line"`
	SKU         string `json:"sku"`
	Description string `json:"description,omitempty"`
	Quantity    int64  `json:"quantity"`
	Amount      int64  `json:"amount"`
	Kind        string `json:"kind" enum:"GOODS,SERVICE"`
	Returned    int64  `json:"returned"`
}

// PaymentView is what the order has seen of its payment.
type PaymentView struct {
	Status   string `json:"status"`
	Captured int64  `json:"captured"`
	Refunded int64  `json:"refunded"`
	Reason   string `json:"reason,omitempty"`
}

// ReservationView is what the order has seen of its reservation.
type ReservationView struct {
	Status    string `json:"status"`
	Restocked int64  `json:"restocked" doc:"Units put back after a commit"`
	Reason    string `json:"reason,omitempty"`
}

func view(r *Root) View {
	s := r.State
	v := View{
		OrderID: s.OrderID, Version: r.Version, Status: string(s.Status), Settled: order.Settled(s, r.Observed),
		Reason: string(s.CancelReason), Detail: s.CancelDetail, Customer: s.Customer, Currency: s.Currency,
		PaymentMethod: s.PaymentMethod, Total: s.Total, RefundDue: s.RefundDue, Lines: make([]LineView, len(s.Lines)),
		Deadline: time.UnixMicro(s.Deadline).UTC(), PlacedAt: time.UnixMicro(s.PlacedAt).UTC(), UpdatedAt: time.UnixMicro(s.UpdatedAt).UTC(),
	}
	for i, l := range s.Lines {
		v.Lines[i] = LineView{
			Line: l.Line, SKU: l.SKU, Description: l.Description, Quantity: l.Quantity, Amount: l.Amount, Kind: string(l.Kind), Returned: l.Returned,
		}
	}
	if p := r.Observed.Payment; p.Version > 0 {
		v.Payment = &PaymentView{Status: string(p.Status), Captured: p.Captured, Refunded: p.Refunded, Reason: p.Reason}
	}
	if x := r.Observed.Reservation; x.Version > 0 {
		v.Reservation = &ReservationView{Status: string(x.Status), Restocked: x.Restocked, Reason: x.Reason}
	}
	return v
}
