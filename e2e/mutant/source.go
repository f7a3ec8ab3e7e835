package main

// source is a defect as edits of one file.
type source struct {
	name, file string
	edits      []edit
	// unit are the packages whose own tests are tried; sim those of simulations.
	unit, sim []string
	// schedules are how many a simulation takes.
	schedules int
	// model tells whether what is edited is part of the model.
	model bool
	args  []string // for the unit tests
	// proofs are tests on Kafka and PostgreSQL, of which each must find it.
	proofs []proof
}

// edit replaces what is there exactly once.
type edit struct{ from, to string }

func (d source) attempts() []attempt {
	var all []attempt
	if d.model {
		all = append(all, attempt{tool: modelChecker, pattern: "^TestProve", pkgs: []string{"./e2e/model"}})
	}
	if len(d.sim) > 0 {
		all = append(all, attempt{tool: simulation, pattern: "^TestSimulation_(Fixed|Short|Both|Intents)|^TestSimulate_|^TestRestore_", pkgs: d.sim, schedules: d.schedules})
	}
	return append(all, attempt{tool: unitTests, pkgs: d.unit, args: d.args})
}

func choreography(name, file, from, to string) source {
	service := map[byte]string{'o': "order", 'p': "payment", 'i': "inventory"}[file[0]]
	return source{
		name: name, file: "services/" + file, edits: []edit{{from, to}}, model: true,
		unit: []string{"./services/" + service}, sim: []string{"./e2e/sim"}, schedules: 2000,
		args: []string{"-rapid.nofailfile"}, // which would be written into the tree
	}
}

func hop(name, file, from, to string) source {
	pkg := "./pkg/outbox"
	if file[0] == 'i' {
		pkg = "./pkg/inbox"
	}
	return source{name: name, file: "pkg/" + file, edits: []edit{{from, to}}, unit: []string{pkg}, sim: []string{"./pkg/sim"}, schedules: 20_000}
}

// sources are the defects that are planted in copies of the product.
func sources() []source {
	waits := hop("inbox and intents do not wait for recovery", "outbox/gate.go", "		case <-r.gate.open:\n		case <-ctx.Done():\n", "		default:\n")
	waits.sim, waits.schedules = []string{"./e2e/sim"}, 1000
	return []source{
		choreography("an order is confirmed by the payment alone", "order/react.go",
			"case o.Payment.Status == PaymentAuthorized && o.Reservation.Status == ReservationReserved:", "case o.Payment.Status == PaymentAuthorized:"),
		choreography("an order is complete before its goods are committed", "order/react.go",
			"case o.Payment.Status == PaymentCaptured && o.Reservation.Status == ReservationCommitted:", "case o.Payment.Status == PaymentCaptured:"),
		choreography("payment takes an older record of an order for news", "payment/observed.go",
			"if ord.Version <= o.Order.Version {", "if ord.Version < 1 {"),
		choreography("capture before the order is confirmed", "payment/react.go",
			"	case OrderConfirmed:\n		return Capture{}\n	case OrderCancelled:\n		return Void{Reason: ReasonOrderCancelled}\n	case OrderPlaced, OrderCompleted, OrderReturned: // too early",
			"	case OrderConfirmed, OrderPlaced:\n		return Capture{}\n	case OrderCancelled:\n		return Void{Reason: ReasonOrderCancelled}\n	case OrderCompleted, OrderReturned: // too early"),
		choreography("no void when CANCELLED overtakes AUTHORIZED", "payment/react.go",
			"	case OrderCancelled:\n		return Void{Reason: ReasonOrderCancelled}\n	case OrderPlaced, OrderCompleted, OrderReturned: // too early", "	case OrderPlaced, OrderCancelled, OrderCompleted, OrderReturned: // too early"),
		choreography("a refund is asked for beside another", "payment/react.go",
			"if s.InFlight.Kind != KindNone {", "if s.InFlight.Kind != KindNone && s.InFlight.Kind != KindRefund {"),
		choreography("a refused capture is asked for again", "payment/react.go",
			`if s.CaptureRefusal != "" {`, `if s.CaptureRefusal == "never" {`),
		choreography("goods of a cancelled order stay reserved", "inventory/react.go",
			"	case OrderCancelled:\n		return Release{Reason: ReasonOrderCancelled}\n	case OrderPlaced, OrderCompleted", "	case OrderPlaced, OrderCancelled, OrderCompleted"),
		choreography("no floor under a CANCELLED seen before PLACED", "inventory/react.go",
			"	case OrderCancelled:\n		return Release{OrderID: ord.OrderID, Reason: ReasonOrderCancelled}\n	case OrderConfirmed, OrderCompleted", "	case OrderCancelled, OrderConfirmed, OrderCompleted"),
		hop("a batch is committed before the rows of the last are gone", "outbox/publish.go",
			"if err := s.settledSoon(work); err != nil {", "if err := error(nil); err != nil {"),
		hop("a recovered batch is not deleted", "outbox/recover.go",
			"if last.position.Batch == s.state.Batch+1 {", "if last.position.Batch == -1 {"),
		hop("a recovered batch is deleted unseen", "outbox/recover.go", "if !same {", "if !same && s == nil {"),
		hop("a relay publishes for a database that was set back under it", "outbox/publish.go",
			"if err := unmoved.answer(work); err != nil {", "if err := error(nil); err != nil {"),
		hop("an inbox believes that a commit in doubt failed", "inbox/commit.go", "moved = moved || p.Next != w.stored[tp]", "_ = p"),
		waits,
	}
}
