package choreography

import (
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/inventory"
	"github.com/murmuration-dev/murmuration/services/order"
	"github.com/murmuration-dev/murmuration/services/payment"
)

// drawnOnce is shared by the tests that only look at it.
var drawnOnce = sync.OnceValues(func() (*Picture, error) { return Draw(Real()) })

func mustDraw(t *testing.T) *Picture {
	t.Helper()
	p, err := drawnOnce()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What is written is exactly what the schemas and the domains declare.
func TestDraw_FindsEveryPublicState(t *testing.T) {
	p := mustDraw(t)
	for topic, declared := range map[string][]string{
		schemas.Orders:       texts(order.Statuses()),
		schemas.Payments:     texts(payment.Statuses()),
		schemas.Reservations: texts(inventory.Statuses()),
	} {
		if got := p.states(topic); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(declared))) {
			t.Errorf("topic %s: %v is written, %v is declared", topic, got, declared)
		}
	}
	for service, topics := range map[string]string{
		schemas.OrderService: "payments reservations", schemas.PaymentService: "orders", schemas.InventoryService: "orders",
	} {
		for topic := range strings.FieldsSeq(topics) {
			if !slices.Contains(p.Readers[topic], service) {
				t.Errorf("%s does not read %s", service, topic)
			}
		}
	}
}

func texts[S ~string](list []S) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

// Two reactions that only a broken service could call for, and no other.
func TestDraw_NamesTheGuards(t *testing.T) {
	var got []string
	for _, g := range mustDraw(t).Guards {
		got = append(got, g.Service+" "+g.From+": "+causesText(g.Causes)+": "+g.Command)
	}
	want := []string{"order PLACED: payments VOIDED: Reject", "order PLACED: reservations RELEASED: Reject"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Each mistake fails the drawing, by its kind and with words that lead to it.
func TestDraw_FailsOn(t *testing.T) {
	for _, c := range []struct {
		name   string
		system System
		kind   error
		words  []string
	}{
		{"an order that ignores a refused capture", changed(func(s *System) {
			s.Order.React = func(state order.State, seen order.Observed) order.Command {
				if state.Status == order.StatusConfirmed && seen.Payment.Status == order.PaymentVoided {
					return nil
				}
				return order.React(state, seen)
			}
		}), ErrNoEnd, []string{"order CONFIRMED, payment VOIDED", "gateway: capture refused"}},
		{"a payment that keeps the money of a cancelled order", changed(func(s *System) {
			s.Payment.React = func(state payment.State, seen payment.Observed) payment.Command {
				c := payment.React(state, seen)
				if _, void := c.(payment.Void); void && state.Status == payment.StatusAuthorized && seen.Order.Status == payment.OrderCancelled {
					return nil
				}
				return c
			}
		}), ErrNoEnd, []string{"order CANCELLED, payment AUTHORIZED"}},
		{"a reservation that never puts goods back", changed(func(s *System) {
			s.Reservation.React = func(state inventory.State, seen inventory.Observed) inventory.Command {
				if state.Status == inventory.StatusCommitted {
					return nil
				}
				return inventory.React(state, seen)
			}
		}), ErrNoEnd, []string{"reservation COMMITTED", "customer: Return"}},
		{"a reaction to a refusal that no reservation writes any more", changed(func(s *System) {
			s.Reservation.Decide = func(state inventory.State, c inventory.Command) ([]inventory.Event, error) {
				events, err := inventory.Decide(state, c)
				if len(events) > 0 {
					if e, rejected := events[0].(inventory.Rejected); rejected {
						return []inventory.Event{inventory.Released{OrderID: e.OrderID, Reason: e.Reason, At: e.At}}, nil
					}
				}
				return events, err
			}
		}), ErrUnwritten, []string{"order in PLACED reacts to reservations REJECTED with Reject", "the schema of topic reservations has the state REJECTED"}},
		{"a reaction to a state that exists in the schema alone", changed(func(s *System) {
			s.Topics = withSymbol(s.Topics, schemas.Payments, "DISPUTED")
			s.Order.React = func(state order.State, seen order.Observed) order.Command {
				if state.Status == order.StatusPlaced && seen.Payment.Status == "DISPUTED" {
					return order.Reject{Reason: order.ReasonDeclined}
				}
				return order.React(state, seen)
			}
		}), ErrUnwritten, []string{"order in PLACED reacts to payments DISPUTED with Reject"}},
		{"a topic that no service and nobody else reads", changed(func(s *System) {
			s.Topics = append(s.Topics, schemas.Topic{Name: "shipments", Owner: schemas.InventoryService, Schema: `{"type":"record","fields":[]}`})
		}), ErrUnread, []string{"topic shipments of the inventory service"}},
		{"an order that no longer looks at reservations", changed(func(s *System) {
			s.Order.React = func(state order.State, seen order.Observed) order.Command {
				seen.Reservation = order.Reservation{Version: 1, Status: order.ReservationReserved}
				if state.Status == order.StatusConfirmed {
					seen.Reservation.Status = order.ReservationCommitted
				}
				return order.React(state, seen)
			}
		}), ErrUnread, []string{"topic reservations of the inventory service", "order version 2 is CONFIRMED"}},
		{"an order that cancels what is confirmed", changed(func(s *System) {
			s.Order.Decide = func(state order.State, c order.Command) ([]order.Event, error) {
				if _, cancel := c.(order.Cancel); cancel && state.Status == order.StatusConfirmed {
					return []order.Event{order.Cancelled{Reason: order.ReasonCustomer}}, nil
				}
				return order.Decide(state, c)
			}
		}), ErrBroken, []string{"payment: cannot go on", "is CANCELLED", "customer: Cancel"}},
		{"a reaction that never comes to rest", changed(func(s *System) {
			s.Reservation.Evolve = func(state inventory.State, e inventory.Event) inventory.State {
				if _, committed := e.(inventory.Committed); committed {
					return state
				}
				return inventory.Evolve(state, e)
			}
		}), ErrBroken, []string{"inventory: cannot go on", "reactions do not come to rest"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := Draw(c.system)
			if !errors.Is(err, c.kind) {
				t.Fatalf("got %v, want %v", err, c.kind)
			}
			for _, words := range c.words {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("the message does not say %q:\n%v", words, err)
				}
			}
		})
	}
}

func changed(change func(*System)) System {
	s := Real()
	change(&s)
	return s
}

// withSymbol adds a state to the schema of a topic.
func withSymbol(topics []schemas.Topic, name, symbol string) []schemas.Topic {
	for i := range topics {
		if topics[i].Name == name {
			topics[i].Schema = strings.Replace(topics[i].Schema, `"symbols": ["UNKNOWN"`, `"symbols": ["UNKNOWN", "`+symbol+`"`, 1)
		}
	}
	return topics
}

func TestExplore_IsBounded(t *testing.T) {
	if _, err := explore(Real(), 100); !errors.Is(err, ErrEndless) || !strings.Contains(err.Error(), "customer: Place") {
		t.Fatalf("got %v", err)
	}
}

// Two drawings of the same code are the same bytes, and those of the documents.
func TestRender_IsWhatTheDocumentsShow(t *testing.T) {
	journeys, err := Journeys(Real(), "")
	if err != nil {
		t.Fatal(err)
	}
	again, err := Render(Real(), FormatAsyncAPI)
	if err != nil {
		t.Fatal(err)
	}
	for file, got := range map[string]string{
		"choreography.md": mustDraw(t).Mermaid(journeys), "asyncapi.yaml": again,
	} {
		want, err := os.ReadFile("../../../docs/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("docs/%s is stale: run go generate", file)
		}
	}
}

func TestRender_TextTellsEveryService(t *testing.T) {
	text := mustDraw(t).Text()
	for _, words := range []string{
		"payments AUTHORIZED and reservations RESERVED  CONFIRMED",
		"orders CONFIRMED ", "stock: Hold", "may rest in CANCELLED, COMPLETED, RETURNED", "guard: in PLACED, payments VOIDED: Reject",
	} {
		if !strings.Contains(text, words) {
			t.Errorf("no %q in\n%s", words, text)
		}
	}
}
