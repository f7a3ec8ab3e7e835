package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/pkg/sim"
	"github.com/murmuration-dev/murmuration/schemas"
	inventory "github.com/murmuration-dev/murmuration/services/inventory/app"
	orders "github.com/murmuration-dev/murmuration/services/order"
	order "github.com/murmuration-dev/murmuration/services/order/app"
	payment "github.com/murmuration-dev/murmuration/services/payment/app"
	"github.com/murmuration-dev/murmuration/services/payment/gatewaysim/memory"
)

// ahead is how many processes of each service are built beforehand: more than run
// at once in two worlds, with their zombies and successors.
const ahead = 12

// Services are the three services, built once and used by all worlds.
type Services struct{ order, payment, inventory *sim.Participant }

// gatewayName is the external system that payments go through.
const gatewayName = "gateway"

// cards is the gateway as one process reaches it.
type cards struct{ *memory.Gateway }

// NewServices builds the services.
func NewServices() (*Services, error) {
	var s Services
	registry := sim.NewRegistry()
	var errs [3]error
	s.order, errs[0] = sim.NewParticipant(registry, ahead, func(*sim.Binding) participant.Spec {
		return order.Spec(order.Config{Deadline: time.Minute})
	})
	s.payment, errs[1] = sim.NewParticipant(registry, ahead, func(b *sim.Binding) participant.Spec {
		own := &cards{}
		b.OnStart(func(n *sim.Node) {
			ledger, _ := n.World().Kept(gatewayName).(*memory.Ledger)
			own.Gateway = ledger.Through(func(ctx context.Context, op, key string, effect func() error) error {
				return n.Call(ctx, gatewayName, op, key, effect)
			})
		})
		return payment.Spec(own)
	})
	s.inventory, errs[2] = sim.NewParticipant(registry, ahead, func(*sim.Binding) participant.Spec { return inventory.Spec() })
	return &s, errors.Join(errs[:]...)
}

// Shop is the three services in one world.
type Shop struct {
	world    *sim.World
	services *Services
	order    *sim.Disk
	payment  *sim.Disk
	stock    *sim.Disk
	ledger   *memory.Ledger

	mu    sync.Mutex
	asked map[string]Order // acknowledged orders

	looked map[string]glance
}

// glance is what was seen of an order at a version.
type glance struct {
	version    int64
	returnable bool
}

// Replicas is how many processes of each service run.
type Replicas struct{ Order, Payment, Inventory int }

// Open declares the topics and services in a world, and what must hold in it.
func (s *Services) Open(w *sim.World, partitions int32, r Replicas) *Shop {
	shop := s.open(w, partitions, r)
	shop.invariants()
	return shop
}

func (s *Services) open(w *sim.World, partitions int32, r Replicas) *Shop {
	for _, t := range schemas.Topics() {
		n := partitions
		if t.Partitions == 1 {
			n = 1
		}
		w.Topic(t.Name, n)
	}
	ledger := memory.NewLedger()
	w.Keep(gatewayName, ledger)
	w.System(gatewayName)
	shop := &Shop{world: w, services: s, ledger: ledger, asked: make(map[string]Order), looked: make(map[string]glance)}
	shop.order = s.order.Service(w, r.Order)
	shop.payment = s.payment.Service(w, r.Payment)
	shop.stock = s.inventory.Service(w, r.Inventory)
	return shop
}

// Order is an order as a customer places it.
type Order struct {
	OrderID       string `json:"order_id"`
	Currency      string `json:"currency"`
	PaymentMethod string `json:"payment_method,omitempty"`
	Deadline      int64  `json:"deadline_seconds,omitempty"`
	Lines         []Line `json:"lines"`
}

// Line is one line of it.
type Line struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	Amount   int64  `json:"amount"`
	Kind     string `json:"kind,omitempty"`
}

const (
	// patience is how long a customer waits for an answer.
	patience = 3 * time.Second
	// again is how soon a request without an answer is sent again.
	again = 40 * time.Millisecond
)

// send makes a request until it is answered, with one idempotency key.
func (s *Shop) send(ctx context.Context, c *sim.Client, service, path, key string, body any) (status int, answer []byte, err error) {
	sent, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	for {
		err := c.Reach(ctx, service, patience, func(ctx context.Context, api any) error {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, path, bytes.NewReader(sent))
			if err != nil {
				return err
			}
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Idempotency-Key", key)
			w := httptest.NewRecorder()
			handler, ok := api.(http.Handler)
			if !ok {
				return fmt.Errorf("%s serves a %T", service, api)
			}
			handler.ServeHTTP(w, r)
			if w.Code >= http.StatusInternalServerError {
				return fmt.Errorf("%w: status %d: %s", sim.ErrConnection, w.Code, w.Body)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			status, answer = w.Code, w.Body.Bytes()
			return nil
		})
		if err == nil {
			s.mu.Lock() // the answer was written by another goroutine
			code, body := status, answer
			s.mu.Unlock()
			return code, body, nil
		}
		if !errors.Is(err, sim.ErrConnection) {
			return 0, nil, err
		}
		if !c.Pause(ctx, again) {
			return 0, nil, sim.ErrConnection
		}
	}
}

// Place places an order until it is accepted.
func (s *Shop) Place(ctx context.Context, c *sim.Client, o Order) error {
	status, answer, err := s.send(ctx, c, schemas.OrderService, "/orders", "place "+o.OrderID, o)
	if err != nil {
		return ended(ctx, err)
	}
	if status != http.StatusCreated {
		return fmt.Errorf("order %s: status %d: %s", o.OrderID, status, answer)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[o.OrderID] = o
	return nil
}

// Cancel asks for a cancellation, which may be refused.
func (s *Shop) Cancel(ctx context.Context, c *sim.Client, id string) error {
	status, answer, err := s.send(ctx, c, schemas.OrderService, "/orders/"+id+"/cancel", "cancel "+id, map[string]string{"reason": "changed my mind"})
	return judged(ctx, status, answer, err, http.StatusOK, http.StatusConflict, http.StatusNotFound)
}

// returnTries bounds how long a customer waits for an order that can be returned.
const returnTries = 20

// Return sends some of a line back, as soon as that is possible.
func (s *Shop) Return(ctx context.Context, c *sim.Client, id, name string, line int, quantity int64) error {
	body := map[string]any{"return_id": name, "lines": []map[string]any{{"line": line, "quantity": quantity}}}
	for range returnTries {
		if !s.returnable(id) { // the customer was not told that the order is complete
			if !c.Pause(ctx, 5*again) {
				return nil
			}
			continue
		}
		status, answer, err := s.send(ctx, c, schemas.OrderService, "/orders/"+id+"/returns", "", body)
		if err != nil || status == http.StatusCreated {
			return ended(ctx, err)
		}
		if err := judged(ctx, status, answer, nil, http.StatusConflict, http.StatusNotFound, http.StatusUnprocessableEntity); err != nil {
			return err
		}
		if !c.Pause(ctx, 5*again) {
			return nil
		}
	}
	return nil
}

// returnable tells whether an order is complete, as a notification would.
func (s *Shop) returnable(id string) bool {
	done := false
	s.world.Look(func() {
		at := s.order.Stream(eventstore.StreamID{Kind: "order", ID: id}).Version
		if last, ok := s.looked[id]; ok && last.version == at {
			done = last.returnable
			return
		}
		o, err := read[orders.State](s.order, "order", id)
		done = err == nil && o.Returnable()
		s.looked[id] = glance{at, done}
	})
	return done
}

// Receive puts goods on the shelf.
func (s *Shop) Receive(ctx context.Context, c *sim.Client, sku, name string, quantity int64) error {
	status, answer, err := s.send(ctx, c, schemas.InventoryService, "/stock/"+sku+"/receipts", "receive "+name, map[string]any{"id": name, "quantity": quantity})
	return judged(ctx, status, answer, err, http.StatusCreated)
}

// WriteOff takes goods off the shelf, if they are available.
func (s *Shop) WriteOff(ctx context.Context, c *sim.Client, sku, name string, quantity int64) error {
	status, answer, err := s.send(ctx, c, schemas.InventoryService, "/stock/"+sku+"/write-offs", "", map[string]any{"id": name, "quantity": quantity})
	return judged(ctx, status, answer, err, http.StatusCreated, http.StatusConflict)
}

func judged(ctx context.Context, status int, answer []byte, err error, good ...int) error {
	if err != nil {
		return ended(ctx, err)
	}
	for _, g := range good {
		if status == g {
			return nil
		}
	}
	return fmt.Errorf("status %d: %s", status, answer)
}

// ended hides what the end of the world itself causes.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
