package audit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/avro"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/services/payment/gatewaysim"
)

// Options are the settings of a collection. The zero value does not wait.
type Options struct {
	// Wait bounds how long Collect waits until nothing is in flight.
	Wait time.Duration
}

const (
	// pollFirst and pollMost bound how often a waiting collection asks again:
	// soon, since most work ends within milliseconds, then rarely.
	pollFirst = 20 * time.Millisecond
	pollMost  = 500 * time.Millisecond
	// overviewTimeout bounds one question to one service about itself.
	overviewTimeout = 10 * time.Second
)

// Collect looks at a running platform, which it finds by addresses alone, and
// changes nothing there. It waits until nothing is in flight, collects, and makes
// sure that nothing moved meanwhile; what moves for longer than opts.Wait is
// collected in an order in which nothing at rest can be misjudged, and the
// snapshot says that it is not Settled.
//
// An error means that something could not be read, not that it is inconsistent.
func Collect(ctx context.Context, at embedded.Addresses, opts Options) (Snapshot, error) {
	c, err := newCollector(at)
	if err != nil {
		return Snapshot{}, err
	}
	defer c.close()
	deadline := time.Now().Add(opts.Wait)
	for {
		before, err := c.quiet(ctx, deadline)
		if err != nil {
			return Snapshot{}, err
		}
		if len(before.inFlight) > 0 {
			return c.live(ctx, before)
		}
		s, err := c.gather(ctx)
		if err == nil {
			err = c.lastPositions(ctx, before)
		}
		if err != nil {
			return Snapshot{}, err
		}
		after, err := c.pulse(ctx)
		if err != nil {
			return Snapshot{}, err
		}
		if len(after.inFlight) == 0 && before.same(after) {
			s.Settled = true
			return c.finish(ctx, s, before, after)
		}
		if time.Now().After(deadline) {
			return c.live(ctx, after)
		}
	}
}

// collector holds the connections of one collection.
type collector struct {
	at       embedded.Addresses
	http     *http.Client
	kafka    *kafka.Client
	registry *avro.Registry
	readers  map[string]reader
}

func newCollector(at embedded.Addresses) (*collector, error) {
	c := &collector{at: at, http: &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}}
	brokers, err := participant.KafkaFromEnvironment(at.Brokers(), "murmur-audit")
	if err != nil {
		return nil, err
	}
	if c.kafka, err = kafka.NewClient(brokers); err != nil {
		return nil, err
	}
	access, err := participant.RegistryFromEnvironment(at.Registry)
	if err == nil {
		c.registry, err = avro.NewRegistry(access)
	}
	if err == nil {
		c.readers, err = newReaders(c.registry)
	}
	if err != nil {
		c.kafka.Close()
		return nil, err
	}
	return c, nil
}

func (c *collector) close() {
	c.kafka.Close()
	c.registry.Close()
	c.http.CloseIdleConnections()
}

// quiet waits until nothing is in flight, or the deadline has passed.
func (c *collector) quiet(ctx context.Context, deadline time.Time) (pulse, error) {
	for wait := pollFirst; ; wait = min(2*wait, pollMost) {
		p, err := c.pulse(ctx)
		if err != nil || len(p.inFlight) == 0 || time.Now().Add(wait).After(deadline) {
			return p, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return p, ctx.Err()
		case <-timer.C:
		}
	}
}

// gather reads everything at once: for when nothing moves.
func (c *collector) gather(ctx context.Context) (Snapshot, error) {
	var s Snapshot
	err := together(ctx,
		func(ctx context.Context) (err error) { s.Topics, err = c.logs(ctx); return err },
		func(ctx context.Context) (err error) { s.Gateway, err = c.ledger(ctx); return err },
		func(ctx context.Context) error { return c.streams(ctx, &s) },
	)
	return s, err
}

// live reads while everything moves. A log is read before the store behind it,
// so that a record which the store does not know is none that came later; the
// ledger is read on both sides of the stores, so that what moved in between is
// known; and a relay's position record before the database's word on it, which
// may only be behind by the one batch under way.
func (c *collector) live(ctx context.Context, before pulse) (s Snapshot, err error) {
	var ledger map[string][]gatewaysim.Entry
	err = together(ctx,
		func(ctx context.Context) (err error) { s.Topics, err = c.logs(ctx); return err },
		func(ctx context.Context) (err error) { ledger, err = c.ledger(ctx); return err },
	)
	if err == nil {
		err = c.streams(ctx, &s)
	}
	if err == nil {
		s.Gateway, err = c.ledger(ctx)
	}
	if err == nil {
		err = c.lastPositions(ctx, before)
	}
	if err != nil {
		return s, err
	}
	s.Moving = moving(ledger, s.Gateway)
	after, err := c.pulse(ctx)
	if err != nil {
		return s, err
	}
	return c.finish(ctx, s, before, after)
}

// finish adds what services say of themselves, and the position records that
// were read before that.
func (c *collector) finish(ctx context.Context, s Snapshot, before, p pulse) (Snapshot, error) {
	s.Services, s.InFlight, s.At = p.services, p.inFlight, time.Now()
	for name, log := range s.Topics {
		for _, partition := range p.partitions(name) {
			log.Start[partition.Partition] = p.start[partition]
			log.Stable[partition.Partition] = p.stable[partition]
			log.End[partition.Partition] = p.end[partition]
		}
		log.ID = p.ids[name]
	}
	for name, service := range s.Services {
		service.Last, service.LastOffset = before.services[name].Last, before.services[name].LastOffset
		s.Topics[service.PositionTopic] = &TopicLog{Topic: service.PositionTopic, ID: p.ids[service.PositionTopic]}
	}
	var err error
	if s.Declared, err = c.declared(ctx); err != nil {
		return s, err
	}
	return s, c.holes(ctx, s) // it changes what s points to
}

// together runs functions at once and returns their errors when all have ended.
// The first error ends the others' context.
func together(ctx context.Context, functions ...func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	errs := make([]error, len(functions))
	var all sync.WaitGroup
	for i, f := range functions {
		all.Go(func() {
			if errs[i] = f(ctx); errs[i] != nil {
				cancel(errs[i])
			}
		})
	}
	all.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("collect: %w", cause)
	}
	return errors.Join(errs...)
}
