package order

import (
	"fmt"
	"slices"
)

// React says what the order does next, given all it has seen: a command for
// Decide, or nil when it has to wait. It runs after every observation, with
// the order's stream locked. Stamp sets the command's moment.
//
// An observation at or behind the order's own state asks for nothing. One that
// cannot be true gives a Contradict, which Decide refuses.
func React(s State, o Observed) Command {
	if why := contradiction(s, o); why != "" {
		return Contradict{Detail: why}
	}
	switch s.Status {
	case StatusPlaced:
		return reactPlaced(o)
	case StatusConfirmed:
		return reactConfirmed(o)
	case StatusNone, StatusCompleted, StatusCancelled, StatusReturned:
		return nil
	}
	return nil
}

// reactPlaced: the first refusal cancels, both promises confirm.
func reactPlaced(o Observed) Command {
	switch {
	case o.Payment.Status == PaymentDeclined:
		return Reject{Reason: ReasonDeclined, Detail: o.Payment.Reason}
	case o.Payment.Status == PaymentVoided:
		return Reject{Reason: ReasonVoided, Detail: o.Payment.Reason}
	case o.Reservation.Status == ReservationRejected:
		return Reject{Reason: ReasonOutOfStock, Detail: o.Reservation.Reason}
	case o.Reservation.Status == ReservationReleased:
		return Reject{Reason: ReasonReleased, Detail: o.Reservation.Reason}
	case o.Payment.Status == PaymentAuthorized && o.Reservation.Status == ReservationReserved:
		return Confirm{}
	}
	return nil
}

// reactConfirmed: a void can only mean that the capture was refused.
func reactConfirmed(o Observed) Command {
	switch {
	case o.Payment.Status == PaymentVoided:
		return CancelCaptureRefused{Detail: o.Payment.Reason}
	case o.Payment.Status == PaymentCaptured && o.Reservation.Status == ReservationCommitted:
		return Complete{}
	}
	return nil
}

// Settled reports whether nothing is left to do anywhere for this order, as
// far as it has seen: no money held or owed, no stock held or owed.
func Settled(s State, o Observed) bool {
	switch s.Status {
	case StatusCancelled:
		return isOneOf(o.Payment.Status, PaymentDeclined, PaymentVoided) &&
			isOneOf(o.Reservation.Status, ReservationRejected, ReservationReleased, ReservationRestocked)
	case StatusCompleted, StatusReturned:
		return isOneOf(o.Payment.Status, PaymentCaptured, PaymentRefunded) &&
			o.Payment.Refunded == s.RefundDue &&
			isOneOf(o.Reservation.Status, ReservationCommitted, ReservationRestocked) &&
			o.Reservation.Restocked == s.ReturnedGoods()
	case StatusNone, StatusPlaced, StatusConfirmed:
		return false
	}
	return false
}

// contradiction names what cannot be true at once, or is empty. Whatever is
// merely behind is let through: topics are not ordered among each other, and a
// re-read topic shows old records again.
func contradiction(s State, o Observed) string {
	p, r := o.Payment, o.Reservation
	if p.Version > 0 {
		if !isOneOf(p.Status, possiblePayments(s)...) {
			return fmt.Sprintf("payment version %d is %s", p.Version, p.Status)
		}
		if captured := isOneOf(p.Status, PaymentCaptured, PaymentRefunded); captured && p.Captured != s.Total {
			return fmt.Sprintf("payment version %d captured %d of %d", p.Version, p.Captured, s.Total)
		}
		if p.Refunded > s.RefundDue {
			return fmt.Sprintf("payment version %d refunded %d of %d due", p.Version, p.Refunded, s.RefundDue)
		}
	}
	if r.Version > 0 {
		if !isOneOf(r.Status, possibleReservations(s)...) {
			return fmt.Sprintf("reservation version %d is %s", r.Version, r.Status)
		}
		if back := s.ReturnedGoods(); s.Status != StatusCancelled && r.Restocked > back {
			return fmt.Sprintf("reservation version %d restocked %d of %d returned", r.Version, r.Restocked, back)
		}
	}
	return ""
}

// possiblePayments are the payments that may exist beside this order: those it
// waits for, those behind it, and the way back after a cancellation.
func possiblePayments(s State) []PaymentStatus {
	switch s.Status {
	case StatusPlaced:
		return []PaymentStatus{PaymentAuthorized, PaymentDeclined, PaymentVoided}
	case StatusConfirmed:
		return []PaymentStatus{PaymentAuthorized, PaymentCaptured, PaymentVoided}
	case StatusCompleted, StatusReturned:
		return []PaymentStatus{PaymentAuthorized, PaymentCaptured, PaymentRefunded}
	case StatusCancelled:
		if s.ConfirmedAt == 0 {
			return []PaymentStatus{PaymentAuthorized, PaymentDeclined, PaymentVoided}
		}
		return []PaymentStatus{PaymentAuthorized, PaymentVoided}
	case StatusNone: // nobody can have heard of it
	}
	return nil
}

// possibleReservations is possiblePayments for the reservation. After a
// refused capture the reservation is committed already or still held.
func possibleReservations(s State) []ReservationStatus {
	switch s.Status {
	case StatusPlaced:
		return []ReservationStatus{ReservationReserved, ReservationRejected, ReservationReleased}
	case StatusConfirmed, StatusCompleted:
		return []ReservationStatus{ReservationReserved, ReservationCommitted}
	case StatusReturned:
		return []ReservationStatus{ReservationReserved, ReservationCommitted, ReservationRestocked}
	case StatusCancelled:
		if s.ConfirmedAt == 0 {
			return []ReservationStatus{ReservationReserved, ReservationRejected, ReservationReleased}
		}
		return []ReservationStatus{ReservationReserved, ReservationCommitted, ReservationReleased, ReservationRestocked}
	case StatusNone: // nobody can have heard of it
	}
	return nil
}

func isOneOf[S comparable](s S, of ...S) bool {
	return slices.Contains(of, s)
}
