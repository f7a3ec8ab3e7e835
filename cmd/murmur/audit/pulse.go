package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/schemas"
)

// pulse is what tells whether anything moves: the services' own words, and the
// ends of the logs, which are read after them.
type pulse struct {
	services           map[string]*Service
	ids                map[string]string
	start, stable, end map[kafka.TopicPartition]int64
	inFlight           []InFlight
}

func (c *collector) pulse(ctx context.Context) (pulse, error) {
	p := pulse{services: map[string]*Service{}, ids: map[string]string{}}
	for _, name := range c.names() {
		service, err := c.overview(ctx, name)
		if err != nil {
			return p, err
		}
		p.services[name] = service
	}
	if err := c.ends(ctx, &p); err != nil {
		return p, err
	}
	err := c.measure(ctx, &p)
	return p, err
}

func (c *collector) names() []string {
	return []string{schemas.OrderService, schemas.PaymentService, schemas.InventoryService}
}

func (c *collector) operations(service string) string {
	switch service {
	case schemas.OrderService:
		return c.at.Order.Ops
	case schemas.PaymentService:
		return c.at.Payment.Ops
	default:
		return c.at.Inventory.Ops
	}
}

// overview asks a service about itself.
func (c *collector) overview(ctx context.Context, service string) (*Service, error) {
	ctx, cancel := context.WithTimeout(ctx, overviewTimeout)
	defer cancel()
	var answer participant.Overview
	err := c.get(ctx, c.operations(service)+"/inspect", func(body io.Reader) error { return json.NewDecoder(body).Decode(&answer) })
	if err != nil {
		return nil, fmt.Errorf("inspect %s: %w", service, err)
	}
	return &Service{
		Name: service, Positions: answer.Positions, Relay: answer.Relay, Waiting: answer.Waiting, Oldest: answer.Oldest,
		Parked: answer.Parked, ParkedIntents: answer.ParkedIntents, Pending: answer.Pending, PositionTopic: positionTopics[service],
	}, nil
}

// get hands the body of a good answer to read.
func (c *collector) get(ctx context.Context, url string, read func(io.Reader) error) (err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode != http.StatusOK {
		const shown = 500
		text, _ := io.ReadAll(io.LimitReader(res.Body, shown)) // the status tells enough without it
		return fmt.Errorf("GET %s: status %d: %s", url, res.StatusCode, strings.TrimSpace(string(text)))
	}
	return read(res.Body)
}

// ends asks the broker where its logs begin and end.
func (c *collector) ends(ctx context.Context, p *pulse) error {
	var names []string
	for _, t := range schemas.Topics() {
		names = append(names, t.Name)
	}
	topics, err := c.kafka.DescribeTopics(ctx, names...)
	if err != nil {
		return err
	}
	var all []kafka.TopicPartition
	for name, info := range topics {
		p.ids[name] = info.ID.String()
		for _, partition := range info.Partitions {
			all = append(all, kafka.TopicPartition{Topic: name, Partition: partition.ID})
		}
	}
	if p.start, err = c.kafka.StartOffsets(ctx, all...); err != nil {
		return err
	}
	if p.stable, err = c.kafka.EndOffsets(ctx, kafka.ReadCommitted, all...); err != nil {
		return err
	}
	p.end, err = c.kafka.EndOffsets(ctx, kafka.ReadUncommitted, all...)
	return err
}

func (p *pulse) partitions(topic string) []kafka.TopicPartition {
	var out []kafka.TopicPartition
	for tp := range p.end {
		if tp.Topic == topic {
			out = append(out, tp)
		}
	}
	slices.SortFunc(out, func(a, b kafka.TopicPartition) int { return int(a.Partition - b.Partition) })
	return out
}

// same says that nothing was written anywhere between two pulses.
func (p *pulse) same(o pulse) bool {
	if !maps.Equal(p.ids, o.ids) || !maps.Equal(p.end, o.end) || !maps.Equal(p.stable, o.stable) {
		return false
	}
	for name, a := range p.services {
		b := o.services[name]
		if a.Relay != b.Relay || !slices.Equal(a.Positions, b.Positions) || len(a.Parked) != len(b.Parked) || len(a.ParkedIntents) != len(b.ParkedIntents) {
			return false
		}
	}
	return true
}

// measure lists what is in flight.
func (c *collector) measure(ctx context.Context, p *pulse) error {
	for _, name := range c.names() {
		s := p.services[name]
		if s.Waiting > 0 {
			p.inFlight = append(p.inFlight, InFlight{Service: name, What: "outbox", Count: s.Waiting, Since: micros(s.Oldest)})
		}
		for _, topic := range reads[name] {
			for _, tp := range p.partitions(topic) {
				unread, err := c.unread(ctx, p, s, tp)
				if err != nil {
					return err
				}
				p.inFlight = append(p.inFlight, unread...)
			}
		}
		for _, in := range s.Pending {
			p.inFlight = append(p.inFlight, pending(name, in))
		}
	}
	return nil
}

func pending(service string, in eventstore.Intent) InFlight {
	detail := fmt.Sprintf("%s, due %s", in.Kind, micros(in.Due).Format(time.RFC3339))
	if in.Attempts > 0 {
		detail += fmt.Sprintf(", tried %d times", in.Attempts)
	}
	if in.LastError != "" {
		detail += ": " + in.LastError
	}
	return InFlight{Service: service, What: "intent", Subject: in.Key, Count: 1, Since: micros(in.Meta.At), Detail: detail}
}

// unread is what a service has not read of a partition yet. A position beyond
// the end is no work that is left; it is found impossible elsewhere.
func (c *collector) unread(ctx context.Context, p *pulse, s *Service, tp kafka.TopicPartition) ([]InFlight, error) {
	at := p.start[tp]
	for _, position := range s.Positions {
		if position.Topic == tp.Topic && position.Partition == tp.Partition {
			at = max(at, position.Next)
		}
	}
	if at >= p.stable[tp] {
		return nil, nil
	}
	f := InFlight{Service: s.Name, What: "inbox", Subject: tp.String(), Count: p.stable[tp] - at, Detail: "offsets not read"}
	err := c.kafka.ScanFrom(ctx, kafka.ReadCommitted, map[kafka.TopicPartition]int64{tp: at}, func(r kafka.Record) error {
		f.Since = r.Time
		return errFirst
	})
	if err != nil && !errors.Is(err, errFirst) && !errors.Is(err, kafka.ErrOffsetOutOfRange) {
		return nil, err
	}
	return []InFlight{f}, nil
}

var errFirst = errors.New("the first record is enough")

func micros(at int64) time.Time { return time.UnixMicro(at).UTC() }
