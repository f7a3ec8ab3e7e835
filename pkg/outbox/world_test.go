package outbox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// world is one database, one cluster, the processes that use them, and every
// call that is on its way. Nothing happens in it unless a test says so: each
// call of a relay waits until the test grants it an outcome. It must be used
// within a synctest bubble.
type world struct {
	t testing.TB
	database
	cluster

	processes []*process
	over      chan struct{}
	steps     int
	trace     []string

	mu    sync.Mutex
	calls []*call
}

// outcome of a call.
type outcome int

const (
	granted   outcome = iota // takes effect and is answered
	lost                     // no effect, an error
	unheard                  // takes effect, an error
	crash                    // no effect, and the process is gone
	lateCrash                // takes effect, and the process is gone
	outcomes
)

func (o outcome) String() string {
	return [...]string{"granted", "lost", "unheard", "crash", "lateCrash"}[o]
}

var errConnection = errors.New("connection reset")

type call struct {
	by     *process
	op     string
	effect func() error
	answer chan error
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, over: make(chan struct{})}
	w.database.init("epoch-1")
	w.cluster.init("topic-1")
	return w
}

// do sends a call and waits for its outcome. A caller that gives up leaves the
// call on its way: it may take effect at any time later.
func (p *process) do(ctx context.Context, op string, effect func() error) error {
	p.calling.Add(1)
	defer p.calling.Add(-1)
	c := &call{by: p, op: op, effect: effect, answer: make(chan error, 1)}
	p.world.mu.Lock()
	p.world.calls = append(p.world.calls, c)
	p.world.mu.Unlock()
	var gaveUp <-chan struct{}
	if !p.patient {
		gaveUp = ctx.Done()
	}
	select {
	case err := <-c.answer:
		return err
	case <-gaveUp:
		return ctx.Err()
	case <-p.world.over:
		return errConnection
	}
}

// ready returns the calls that can be granted, in an order that depends on
// nothing but what the processes do.
func (w *world) ready(only ...*process) []*call {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []*call
	for _, c := range w.calls {
		if !c.by.dead && (len(only) == 0 || slices.Contains(only, c.by)) {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b *call) int {
		return cmp.Or(cmp.Compare(a.by.index, b.by.index), cmp.Compare(a.op, b.op))
	})
	return out
}

// tick lets time pass while nothing can be granted.
func (w *world) tick() { w.wait(20 * time.Millisecond) }

// wait lets virtual time pass, and grants nothing.
func (w *world) wait(d time.Duration) { <-time.After(d) }

func (w *world) grant(c *call, o outcome) {
	w.mu.Lock()
	w.calls = slices.DeleteFunc(w.calls, func(other *call) bool { return other == c })
	w.mu.Unlock()
	w.steps++
	w.trace = append(w.trace, fmt.Sprintf("%d %s: %s %s", w.steps, c.by.name, c.op, o))
	var err error
	if o == granted || o == unheard || o == lateCrash {
		err = c.effect()
	}
	switch o {
	case lost, unheard:
		err = errConnection
	case crash, lateCrash:
		c.by.dead = true
		return
	}
	c.answer <- err
}

// run grants calls until done, and fails the test when that takes too long.
func (w *world) run(what string, done func() bool, choose func(*call) outcome, only ...*process) {
	w.t.Helper()
	const enough = 5000
	for range enough {
		ready := w.ready(only...)
		switch {
		case done():
			return
		case len(ready) == 0:
			w.tick()
		case choose == nil:
			w.grant(ready[0], granted)
		default:
			w.grant(ready[0], choose(ready[0]))
		}
	}
	w.fatalf("%s: nothing came of it", what)
}

// drain runs until the outbox is empty and the relays have had time to do
// anything else that they have in mind.
func (w *world) drain() {
	w.t.Helper()
	w.run("drain", w.settled, nil)
	until := time.Now().Add(2 * testTTL)
	w.run("rest", func() bool { return time.Now().After(until) }, nil)
	w.run("drain again", w.settled, nil)
}

func (w *world) settled() bool { return len(w.rows) == 0 && len(w.late) == 0 }

// finish ends all processes and checks the promise.
func (w *world) finish() {
	w.t.Helper()
	w.check()
	w.end()
	for _, p := range w.processes {
		if p.ended {
			continue
		}
		if err := <-p.done; err != nil {
			w.fatalf("%s ended with %v", p.name, err)
		}
		if n := p.calling.Load(); n != 0 {
			w.fatalf("%s ended with %d calls under way", p.name, n)
		}
	}
}

// end cancels every process, and answers no call any more. It may be called
// again.
func (w *world) end() {
	select {
	case <-w.over:
		return
	default:
	}
	for _, p := range w.processes {
		p.cancel()
	}
	close(w.over)
}

// check is the promise: each version of each stream once, in order.
func (w *world) check() {
	w.t.Helper()
	seen := map[string]int64{}
	for _, e := range w.visible("orders") {
		var r published
		if err := json.Unmarshal(e.record.Value, &r); err != nil {
			w.fatalf("%v", err)
		}
		if r.Version != seen[e.record.Key]+1 {
			w.fatalf("stream %s: version %d published after %d", e.record.Key, r.Version, seen[e.record.Key])
		}
		seen[e.record.Key] = r.Version
	}
	for stream, version := range w.versions {
		if seen[stream] != version {
			w.fatalf("stream %s: published up to %d of %d", stream, seen[stream], version)
		}
	}
}

func (w *world) fatalf(format string, args ...any) {
	w.t.Helper()
	for _, line := range w.trace {
		w.t.Log(line)
	}
	w.end()
	w.t.Fatalf(format, args...)
}

// result runs the world until the process has ended.
func (w *world) result(p *process) (err error) {
	w.t.Helper()
	w.run(p.name+" ends", func() bool {
		select {
		case err = <-p.done:
			p.ended = true
		default:
		}
		return p.ended
	}, nil)
	return err
}

// until runs the world up to, and not including, the next call of a kind.
func (w *world) until(op string, by ...*process) *call {
	w.t.Helper()
	var found *call
	w.run("until "+op, func() bool {
		for _, c := range w.ready(by...) {
			if c.op == op {
				found = c
				return true
			}
		}
		return false
	}, nil, by...)
	return found
}

// pass lets virtual time pass, and grants everything but the calls named.
func (w *world) pass(d time.Duration, but ...*call) {
	w.t.Helper()
	for until := time.Now().Add(d); time.Now().Before(until); {
		ready := slices.DeleteFunc(w.ready(), func(c *call) bool { return slices.Contains(but, c) })
		if len(ready) == 0 {
			w.tick()
			continue
		}
		w.grant(ready[0], granted)
	}
}

// requested tells whether a call of a kind is waiting.
func (w *world) requested(op string) bool {
	return slices.ContainsFunc(w.ready(), func(c *call) bool { return c.op == op })
}

// process is one program with a relay.
type process struct {
	world   *world
	index   int
	name    string
	relay   *Relay
	cancel  context.CancelFunc
	done    chan error
	dead    bool
	patient bool // keeps waiting for its calls when their context ends, like a program that is paused
	lying   bool // believes to hold the lease, whatever happens
	wake    chan struct{}

	ended   bool // its outcome was taken by result
	calling atomic.Int32

	mine [2]int // epochs of the transactional ids
	turn int
}

const testTTL = 300 * time.Millisecond

func testConfig(owner string) Config {
	return Config{
		Relay: "order", PositionsTopic: "order-positions", Owner: owner, BatchRows: 2,
		LeaseTTL: testTTL, RenewEvery: testTTL / 3, DeletionWait: 200 * time.Millisecond,
	}
}

func (w *world) start(name string, options ...func(*process)) *process {
	w.t.Helper()
	p := w.prepare(name, options...)
	p.run(p.relay.Run)
	return p
}

func (p *process) run(main func(context.Context) error) {
	ctx, cancel := context.WithCancel(p.world.t.Context())
	p.cancel = cancel
	go func() { p.done <- main(ctx) }()
}

func (w *world) prepare(name string, options ...func(*process)) *process {
	w.t.Helper()
	p := &process{world: w, index: len(w.processes), name: name, done: make(chan error, 1), wake: make(chan struct{}, 1)}
	for _, option := range options {
		option(p)
	}
	relay, err := New(testConfig(name), p.deps())
	if err != nil {
		w.t.Fatal(err)
	}
	p.relay = relay
	w.processes = append(w.processes, p)
	return p
}

func (p *process) deps() Deps {
	deps := Deps{
		Store: fakeStore{p}, Log: fakeLog{p},
		EncodePosition: func(p Position) ([]byte, error) { return json.Marshal(p) },
		DecodePosition: func(_ context.Context, b []byte) (p Position, err error) {
			err = json.Unmarshal(b, &p)
			return p, err
		},
		Event: func(r eventstore.Record) string { return "of " + r.Key },
	}
	if p.world.marks {
		deps.Store = markingStore{fakeStore{p}}
	}
	return deps
}

func lying(p *process)   { p.lying, p.patient = true, true }
func patient(p *process) { p.patient = true }
