package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"

	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/payment/gatewaysim"
)

// streams reads all streams of all services, the services at the same time.
func (c *collector) streams(ctx context.Context, s *Snapshot) error {
	return together(ctx,
		func(ctx context.Context) (err error) {
			s.Orders, err = streamsOf[schemas.Order](ctx, c, schemas.OrderService, kindOrder)
			return err
		},
		func(ctx context.Context) (err error) {
			s.Payments, err = streamsOf[schemas.Payment](ctx, c, schemas.PaymentService, kindPayment)
			return err
		},
		func(ctx context.Context) (err error) {
			s.Reservations, err = streamsOf[schemas.Reservation](ctx, c, schemas.InventoryService, kindReservation)
			if err == nil {
				s.Stock, err = streamsOf[schemas.Stock](ctx, c, schemas.InventoryService, kindStock)
			}
			return err
		},
	)
}

// seenVersion is what matters here of an observation.
type seenVersion struct {
	Version int64 `json:"version"`
}

// line is one line of an inspection: a stream, or the end.
type line[R any] struct {
	ID        string  `json:"id"`
	Version   int64   `json:"version"`
	Published []int64 `json:"published"`
	Record    *R      `json:"record"`
	Fault     string  `json:"fault"`
	State     struct {
		InFlight struct {
			Kind string `json:"kind"`
		} `json:"in_flight"`
	} `json:"state"`
	Observed struct {
		Order       seenVersion `json:"order"`
		Payment     seenVersion `json:"payment"`
		Reservation seenVersion `json:"reservation"`
	} `json:"observed"`
	End bool `json:"end"`
}

func (l line[R]) stream() *Stream[R] {
	return &Stream[R]{
		Version: l.Version, Published: l.Published, Record: l.Record, Fault: l.Fault,
		Seen:  Seen{l.Observed.Order.Version, l.Observed.Payment.Version, l.Observed.Reservation.Version},
		Asked: l.State.InFlight.Kind,
	}
}

var errCutShort = errors.New("the answer ended early")

// streamsOf reads the streams of one kind.
func streamsOf[R any](ctx context.Context, c *collector, service, kind string) (map[string]*Stream[R], error) {
	out := map[string]*Stream[R]{}
	before := "" // the id in front of the one at hand
	suspects := map[string]string{}
	err := inspect(ctx, c, service, kind, url.Values{}, func(l line[R]) {
		out[l.ID] = l.stream()
		if l.Fault != "" {
			suspects[l.ID] = before
		}
		before = l.ID
	})
	if err != nil {
		return nil, err
	}
	for id, previous := range suspects {
		if err := lookAgain(ctx, c, service, kind, id, previous, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// looks is how often a stream with a fault is looked at: row and events are two
// reads, and one that is written between them looks faulty.
const looks = 3

func lookAgain[R any](ctx context.Context, c *collector, service, kind, id, previous string, out map[string]*Stream[R]) error {
	for range looks - 1 {
		if out[id].Fault == "" {
			return nil
		}
		err := inspect(ctx, c, service, kind, url.Values{"after": {previous}, "limit": {"1"}}, func(l line[R]) {
			if l.ID == id {
				out[id] = l.stream()
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// inspect calls take for each stream of a kind.
func inspect[R any](ctx context.Context, c *collector, service, kind string, query url.Values, take func(line[R])) error {
	address := c.operations(service) + "/inspect/" + kind
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	err := c.get(ctx, address, func(body io.Reader) error {
		lines := json.NewDecoder(body)
		for {
			var l line[R]
			switch err := lines.Decode(&l); {
			case errors.Is(err, io.EOF):
				return errCutShort
			case err != nil:
				return err
			case l.End:
				return nil
			}
			take(l)
		}
	})
	if err != nil {
		return fmt.Errorf("inspect %s of %s: %w", kind, service, err)
	}
	return nil
}

// ledger reads the gateway's ledger, if there is a gateway to ask.
func (c *collector) ledger(ctx context.Context) (map[string][]gatewaysim.Entry, error) {
	if c.at.Gateway == "" {
		return nil, nil
	}
	out := map[string][]gatewaysim.Entry{}
	control := gatewaysim.Control{URL: c.at.Gateway, Client: c.http}
	for e, err := range control.Ledger(ctx) {
		if err != nil {
			return nil, err
		}
		out[e.OrderID] = append(out[e.OrderID], e)
	}
	return out, nil
}

// moving are the orders whose entries differ between two readings.
func moving(before, after map[string][]gatewaysim.Entry) map[string]bool {
	out := map[string]bool{}
	for id, entries := range after {
		if !slices.Equal(before[id], entries) {
			out[id] = true
		}
	}
	return out
}
