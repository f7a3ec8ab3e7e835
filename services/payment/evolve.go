package payment

// Evolve applies one event. It is total: it never fails, whatever the state,
// because what has happened is not up for discussion.
func Evolve(s State, e Event) State {
	switch e := e.(type) {
	case AuthorizationRequested:
		s.OrderID, s.Amount, s.Currency, s.Method = e.OrderID, e.Amount, e.Currency, e.Method
		s.Status = StatusAuthorizing
		s.InFlight = InFlight{Kind: KindCreate, To: e.Amount, Since: e.At}
	case Opened:
		s.GatewayID, s.InFlight = e.GatewayID, InFlight{}
	case ConfirmationRequested:
		s.InFlight = InFlight{Kind: KindConfirm, To: s.Amount, Since: e.At}
	case Authorized:
		s.OrderID, s.Amount, s.Currency, s.Method = e.OrderID, e.Amount, e.Currency, e.Method
		return settled(s, StatusAuthorized, e, e.At)
	case Declined:
		s.Reason = e.Reason
		return settled(s, StatusDeclined, e, e.At)
	case CaptureRequested:
		s.InFlight = InFlight{Kind: KindCapture, To: s.Amount, Since: e.At}
	case Captured:
		s.Captured = e.Amount
		return settled(s, StatusCaptured, e, e.At)
	case CaptureRefused:
		s.CaptureRefusal, s.InFlight = e.Reason, InFlight{}
	case VoidRequested:
		s.VoidReason = e.Reason
		s.InFlight = InFlight{Kind: KindVoid, To: s.Amount, Since: e.At}
	case Voided:
		s.OrderID, s.Reason, s.VoidReason = e.OrderID, e.Reason, ""
		return settled(s, StatusVoided, e, e.At)
	case RefundRequested:
		s.InFlight = InFlight{Kind: KindRefund, From: e.From, To: e.To, Since: e.At}
	case Refunded:
		s.Refunded = max(s.Refunded, e.To)
		if e.Complete {
			return settled(s, StatusRefunded, e, e.At)
		}
		return settled(s, StatusCaptured, e, e.At)
	}
	return s
}

// settled is the state after something that others are shown.
func settled(s State, status Status, e Event, at int64) State {
	s.Status, s.InFlight = status, InFlight{}
	s.UpdatedAt, s.LastEvent = at, e.EventType()
	return s
}
