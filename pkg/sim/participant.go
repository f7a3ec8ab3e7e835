package sim

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/httpserver"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/intent"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
	"github.com/murmuration-dev/murmuration/pkg/participant"
)

// Participant is a service that was written for package participant, ready to run
// in simulations: its relay, inbox, intents and API are the real ones. Make it
// with NewParticipant, and give its Start to World.Service.
//
// It is made once and used by many worlds, also by several at a time, since
// reading schemas takes longer than a whole schedule.
type Participant struct {
	name  string
	build func() (*body, error)

	mu   sync.Mutex
	free []*body
}

// Binding lets what a spec was built with follow the process that it belongs to.
type Binding struct{ bind []func(*Node) }

// OnStart calls f whenever a process of the service starts.
func (b *Binding) OnStart(f func(*Node)) { b.bind = append(b.bind, f) }

// body is a service that is built; one process at a time lives in it.
type body struct {
	spec    participant.Spec
	binding Binding
	store   movable
	parts   participant.Parts
	api     http.Handler
}

// movable is a store that is another one in each process.
type movable struct{ eventstore.Store }

// NewParticipant builds a service, ahead times beforehand: as many processes as
// run at once in the worlds of all processors. What is lacking is built when it is
// needed, which takes milliseconds. spec is called for each. Services that read each
// other's records share a registry.
func NewParticipant(registry *Registry, ahead int, spec func(*Binding) participant.Spec) (*Participant, error) {
	p := &Participant{build: func() (*body, error) { return newBody(registry, spec) }}
	for range max(ahead, 1) {
		b, err := p.build()
		if err != nil {
			return nil, err
		}
		p.name = b.spec.Name
		p.free = append(p.free, b)
	}
	return p, nil
}

func newBody(registry participant.Registry, spec func(*Binding) participant.Spec) (*body, error) {
	b := &body{}
	b.spec = spec(&b.binding)
	platform := &participant.Platform{
		Store: &b.store, Commands: aggregate.NewCommands(&b.store), Registry: registry,
		Logger: zap.NewNop(), Tracer: noop.NewTracerProvider().Tracer(""),
	}
	var err error
	if b.parts, err = b.spec.Build(context.Background(), platform); err != nil {
		return nil, err
	}
	server, err := httpserver.New(httpserver.Config{Title: b.spec.Title, Version: b.spec.Version, Listener: deaf{}}, httpserver.Deps{})
	if err != nil {
		return nil, err
	}
	if b.parts.Routes != nil {
		b.parts.Routes(server.API())
	}
	b.api = server.Handler()
	return b, nil
}

// Service declares the service in a world, and serves its API as an http.Handler.
func (p *Participant) Service(w *World, replicas int) *Disk {
	return w.Service(Service{Name: p.name, Replicas: replicas, Start: p.start})
}

// Inspectors are what an audit of the service looks at.
func (p *Participant) Inspectors() []aggregate.Inspector {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.free[0].parts.Inspect
}

func (p *Participant) start(ctx context.Context, n *Node) error {
	b, err := p.take(n.world)
	if err != nil {
		return err
	}
	b.store.Store = n.Store()
	for _, bind := range b.binding.bind {
		bind(n)
	}
	return b.run(ctx, n)
}

// take returns a body that nobody lives in until the world's end. One that is
// built within a world cannot leave it: its channels belong there.
func (p *Participant) take(w *World) (*body, error) {
	p.mu.Lock()
	if len(p.free) <= 1 { // the last one stays, for Inspectors
		p.mu.Unlock()
		return p.build()
	}
	b := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	p.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cleanup = append(w.cleanup, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.free = append(p.free, b)
	})
	return b, nil
}

const (
	// Settings of a process: as small as the product allows where that makes
	// schedules short, and coarse where it only looks at the time.
	participantTTL     = 2 * time.Second
	participantRenew   = 600 * time.Millisecond
	participantMeasure = 5 * time.Minute
	participantDrain   = time.Second
	participantPoll    = 2 * time.Second
	participantLook    = 1500 * time.Millisecond
	participantLease   = 10 * time.Second
)

// run is one process.
func (b *body) run(ctx context.Context, n *Node) error {
	topics := make([]string, len(b.spec.Reads))
	for i, t := range b.spec.Reads {
		topics[i] = t.Name
	}
	in, err := inbox.New(inbox.Config{Group: b.spec.Name, Topics: topics}, inbox.Deps{
		Store: &b.store, Broker: n.Broker(), Decode: b.parts.Decode, Handler: b.parts.Handler,
	})
	if err != nil {
		return err
	}
	relay, err := outbox.New(outbox.Config{
		Relay: b.spec.Name, PositionsTopic: b.spec.Positions.Name, Owner: n.Name,
		LeaseTTL: participantTTL, RenewEvery: participantRenew, MeasureEvery: participantMeasure, DrainTimeout: participantDrain, PollInterval: participantLook,
	}, outbox.Deps{
		Store: n.withMark(&b.store), Log: n.Log(b.spec.Name), EncodePosition: EncodePosition, DecodePosition: DecodePosition,
	})
	if err != nil {
		return err
	}
	parts := []func(context.Context) error{relay.AfterRecovery(in.Run), relay.Run}
	if len(b.parts.Intents) > 0 {
		runner, err := intent.New(intent.Config{Owner: n.Name, Poll: participantPoll, Lease: participantLease}, intent.Deps{
			Store: &b.store, Kinds: b.parts.Intents, CaughtUp: in.CaughtUp,
		})
		if err != nil {
			return err
		}
		parts = append(parts, relay.AfterRecovery(runner.Run))
	}
	n.Serve(b.api)
	return Together(ctx, parts...)
}

// withMark gives the relay what only this process's own store can tell.
func (n *Node) withMark(s *movable) outbox.Store { return s.Store.(*store) }

// deaf is a listener that nobody connects to.
type deaf struct{}

func (deaf) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (deaf) Close() error              { return nil }
func (deaf) Addr() net.Addr            { return &net.TCPAddr{} }
