package choreography

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/inventory"
	"github.com/murmuration-dev/murmuration/services/order"
	"github.com/murmuration-dev/murmuration/services/payment"
)

// tell carries out one command:
//
//	receive 85123A 10                 goods arrive
//	place 85123A*2=2000 POST=500      two units for 20.00, and postage
//	cancel                            the customer's wish
//	return 1*2 2*1                    two units of line 1, one of line 2
//	deadline                          the order has waited long enough
//	gateway refuses CAPTURE expired   from now on
//	gateway answers                   what it was asked
//	payment reads orders              the next record, however late
//	payment starts over               and reads everything again
//	compact orders                    only the last record of a key is left
//	run                               until nothing happens by itself
//	run without payment gateway       these stand still
func (t *teller) tell(line string) (Step, error) {
	step := Step{Command: line}
	err := t.carryOut(&step, strings.Fields(line))
	return step, err
}

func (t *teller) carryOut(step *Step, words []string) error {
	if len(words) == 0 {
		return errors.New("no command")
	}
	if slices.Contains(services, words[0]) {
		return t.tellService(step, words)
	}
	switch words[0] {
	case "run":
		if len(words) > 1 && words[1] != "without" {
			return errors.New("run, or run without some")
		}
		var err error
		step.Commits, err = t.quiet(words[1:])
		return err
	case "compact":
		for _, topic := range words[1:] {
			t.world.Log = latestOnly(t.world.Log, topic)
		}
		return nil
	case "gateway":
		return t.tellGateway(step, words)
	case "receive":
		return t.tellReceive(step, words)
	}
	return t.tellCustomer(step, words)
}

// keep adds a commit to the step. A refusal is a part of the story; a broken
// choreography is not.
func (s *Step) keep(c Commit, err error) error {
	switch {
	case err == nil:
		s.Commits = append(s.Commits, c)
	case errors.Is(err, order.ErrRefused):
		s.Refusal = err.Error()
	default:
		return err
	}
	return nil
}

func (t *teller) tellService(step *Step, words []string) error {
	reader := words[0]
	switch {
	case len(words) == 3 && words[1] == "reads":
		r, ok := t.next(reader, words[2])
		if !ok {
			return fmt.Errorf("%s has read all of %s", reader, words[2])
		}
		return step.keep(t.deliver(reader, r))
	case len(words) == 3 && words[1] == "starts" && words[2] == "over":
		clear(t.read[reader])
		return nil
	}
	return errors.New("a service reads a topic, or starts over")
}

func (t *teller) tellGateway(step *Step, words []string) error {
	switch {
	case len(words) == 4 && words[1] == "refuses":
		t.refusals[payment.Kind(words[2])] = words[3]
		return nil
	case len(words) == 2 && words[1] == "answers":
		asked, ok := t.world.Payment.State.Pending()
		if !ok {
			return errors.New("nothing was asked")
		}
		return step.keep(t.answer(asked))
	}
	return errors.New("the gateway refuses KIND reason, or answers")
}

func (t *teller) tellReceive(step *Step, words []string) error {
	if len(words) != 3 {
		return errors.New("receive SKU quantity")
	}
	quantity, err := strconv.ParseInt(words[2], 10, 64)
	if err != nil {
		return err
	}
	c := Commit{Actor: "people", Input: "Receive"}
	return step.keep(t.commit(t.engine.receive(t.world, c, inventory.Receive{ID: words[1], SKU: words[1], Quantity: quantity}, words[1])))
}

func (t *teller) tellCustomer(step *Step, words []string) error {
	var c order.Command
	actor := actorCustomer
	switch words[0] {
	case "place":
		lines, err := orderLines(words[1:])
		if err != nil {
			return err
		}
		c = order.Place{ID: "o-1", Currency: "EUR", PaymentMethod: "pm_card_visa", Lines: lines, Deadline: deadline}
	case "cancel":
		c = order.Cancel{}
	case "deadline":
		c, actor = order.Expire{}, actorDeadline
		t.engine.now = max(t.engine.now, deadline)
	case "return":
		lines, err := returnLines(words[1:])
		if err != nil {
			return err
		}
		c = order.Return{ID: fmt.Sprintf("r-%d", len(t.world.Order.State.Returns)+1), Lines: lines}
	default:
		return errors.New("no such command")
	}
	return step.keep(t.commit(t.engine.commitOrder(t.world, Commit{Service: schemas.OrderService, Actor: actor, Input: name(c)}, c)))
}

// orderLines reads SKU*quantity=amount, and name=amount for a service.
func orderLines(words []string) ([]order.Line, error) {
	var lines []order.Line
	for _, w := range words {
		what, price, _ := strings.Cut(w, "=")
		amount, err := strconv.ParseInt(price, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("line %s: %w", w, err)
		}
		l := order.Line{SKU: what, Quantity: 1, Amount: amount, Kind: order.KindService}
		if code, count, goods := strings.Cut(what, "*"); goods {
			l.SKU, l.Kind = code, order.KindGoods
			if l.Quantity, err = strconv.ParseInt(count, 10, 64); err != nil {
				return nil, fmt.Errorf("line %s: %w", w, err)
			}
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// returnLines reads line*quantity.
func returnLines(words []string) ([]order.ReturnLine, error) {
	var lines []order.ReturnLine
	for _, w := range words {
		var l order.ReturnLine
		if _, err := fmt.Sscanf(w, "%d*%d", &l.Line, &l.Quantity); err != nil {
			return nil, fmt.Errorf("line %s: %w", w, err)
		}
		lines = append(lines, l)
	}
	return lines, nil
}
