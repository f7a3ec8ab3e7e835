package sim

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// World is one simulated platform: services with their databases, one Kafka
// cluster, external systems, and customers. A [Scenario] sets it up; nothing
// happens before the scenario has returned.
type World struct {
	plan Plan
	mix  Mix

	ctx    context.Context
	cancel context.CancelFunc
	began  time.Time
	ends   chan struct{} // closed when the world is over

	// mu guards all that is simulated. Effects hold it, one at a time.
	mu       sync.Mutex
	cluster  *cluster
	services []*service
	parts    map[string]*part
	systems  []string // names of external systems
	steps    []step
	always   []check
	finally  []check
	settled  []func() bool
	limit    time.Duration

	taken    map[int64]struct{} // instants at which something happens
	pending  int                // what must still happen: late requests, timed faults
	acting   int                // steps under way or due
	acted    time.Time          // when the last one ended
	calm     bool               // no more faults
	over     bool
	failure  error
	armed    map[place]Fault
	injected [kinds]int
	trace    tracer

	units   int // of work that were begun
	cleanup []func()
	took    time.Duration
	kept    map[string]any
	running sync.WaitGroup
}

type check struct {
	name string
	is   func() error
}

// step is a part of the workload that can be left out.
type step struct {
	name string
	at   time.Duration
	do   func(ctx context.Context, c *Client) error
}

// Topic declares a topic.
func (w *World) Topic(name string, partitions int32) { w.cluster.create(name, partitions) }

// Service declares a service, whose processes are started when the scenario has
// returned, and returns its database.
func (w *World) Service(s Service) *Disk {
	d := newDisk(w, s.Name)
	w.services = append(w.services, &service{Service: s, world: w, disk: d})
	return d
}

// System declares an external system, for [Node.Call] and for faults.
func (w *World) System(name string) { w.system(name) }

func (w *World) system(name string) *part {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.parts[name]
	if p == nil {
		p = &part{name: name}
		w.parts[name] = p
		w.systems = append(w.systems, name)
	}
	return p
}

// Faults says what goes wrong in this world; the default is everything.
func (w *World) Faults(m Mix) { w.mix = m }

// Limit bounds the simulated time until everything is settled; default 10 min.
func (w *World) Limit(d time.Duration) { w.limit = d }

// Step declares a part of the workload, done at a time after the start. Its ctx
// ends with the world only: bound what can wait for a process that dies. An error
// fails the schedule. Names are unique; shrinking leaves out whole steps.
func (w *World) Step(name string, at time.Duration, do func(ctx context.Context, c *Client) error) {
	if w.plan.Steps == nil || slices.Contains(w.plan.Steps, name) {
		w.steps = append(w.steps, step{name, at, do})
	}
}

// Always declares what must hold at any time. It is asked again and again; is
// must not block.
func (w *World) Always(name string, is func() error) { w.always = append(w.always, check{name, is}) }

// Finally declares what must hold when everything is settled.
func (w *World) Finally(name string, is func() error) {
	w.finally = append(w.finally, check{name, is})
}

// Settled declares a condition for the end: until all of them hold, the workload
// is done and no fault is under way, the world goes on. Without any, outboxes
// must be empty.
func (w *World) Settled(is func() bool) { w.settled = append(w.settled, is) }

// Keep remembers what belongs to this world alone, for [World.Kept]: the state of
// an external system, say.
func (w *World) Keep(key string, value any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kept == nil {
		w.kept = make(map[string]any)
	}
	w.kept[key] = value
}

// Kept returns what was kept, nil if nothing was.
func (w *World) Kept(key string) any {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.kept[key]
}

// Context ends with the world.
func (w *World) Context() context.Context { return w.ctx }

// Look runs look while nothing else happens: for steps that must know what is in
// a [Disk].
func (w *World) Look(look func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	look()
}

// Restart stops the processes of a service in good order, and starts others.
func (w *World) Restart(service string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.service(service); s != nil {
		for _, n := range slices.Clone(s.live) {
			n.stop()
		}
	}
}

// Elapsed is the simulated time since the start.
func (w *World) Elapsed() time.Duration { return time.Since(w.began) }

// later lets something happen after a while, at an instant of its own, with the
// lock held; the world does not end before. The lock is held.
func (w *World) later(d time.Duration, do func()) {
	w.pending++
	time.AfterFunc(w.slot(time.Now().Add(d)), func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.pending--
		if !w.over {
			do()
		}
	})
}

// crowded bounds what is remembered of instants that are past.
const crowded = 1 << 14

// slot returns how long it is until an instant, at or after t, at which nothing
// else happens. The lock is held.
func (w *World) slot(t time.Time) time.Duration {
	now := time.Now()
	if len(w.taken) > crowded {
		for at := range w.taken {
			if at < now.UnixNano() {
				delete(w.taken, at)
			}
		}
	}
	at := t.UnixNano()
	for {
		if _, ok := w.taken[at]; !ok {
			break
		}
		at++
	}
	w.taken[at] = struct{}{}
	return time.Duration(at - now.UnixNano())
}

func (w *World) dice(purpose string) dice { return newDice(w.plan.Seed, purpose) }

// fail ends the schedule; the first reason counts. The lock is held.
func (w *World) fail(err error) {
	if w.failure == nil {
		w.failure = err
		w.event(nil, "FAILED: "+err.Error())
	}
}

const (
	// look is how often the world is looked at.
	look = 100 * time.Millisecond
	// calmAfter is when faults end: everything must settle after that.
	calmAfter = 20 * time.Second
	// stragglers is how long goroutines have that nobody waits for.
	stragglers = 2 * time.Minute
	// defaultLimit is far beyond every time-out of the product.
	defaultLimit = 10 * time.Minute
)

// run lets the world live until it has settled, failed or run out of time.
func (w *World) run() {
	w.mu.Lock()
	if w.plan.Faults == nil {
		w.plan.Faults = w.draw()
	}
	w.arm()
	for _, s := range w.services {
		for range max(s.Replicas, 1) {
			s.launch(false)
		}
	}
	w.mu.Unlock()
	w.act()
	quiet := 0
	for quiet < 2 {
		time.Sleep(look)
		w.mu.Lock()
		w.inspect()
		quiet++
		if !w.rests() {
			quiet = 0
		}
		failed := w.failure != nil
		w.mu.Unlock()
		if failed {
			break
		}
	}
	w.mu.Lock()
	if w.failure == nil {
		w.judge(w.finally)
	}
	w.took = time.Since(w.began)
	w.over = true
	close(w.ends)
	w.mu.Unlock()
	w.cancel()
	w.running.Wait()
	// What a service started and did not wait for learns by its next call that all
	// is over; time stands still once this returns.
	time.Sleep(stragglers)
	for _, f := range w.cleanup {
		f()
	}
}

// inspect looks at what must always hold, and at the time.
func (w *World) inspect() {
	w.judge(w.always)
	elapsed := time.Since(w.began)
	if w.acting == 0 && time.Since(w.acted) > calmAfter && elapsed > calmAfter {
		w.calm = true
	}
	if elapsed > or(w.limit, defaultLimit) {
		w.fail(fmt.Errorf("nothing settled within %s: %s", or(w.limit, defaultLimit), w.unsettled()))
	}
}

func (w *World) judge(checks []check) {
	for _, c := range checks {
		if err := c.is(); err != nil {
			w.fail(fmt.Errorf("%s: %w", c.name, err))
		}
	}
}

func (w *World) rests() bool { return w.unsettled() == "" }

// unsettled says what is still to come; empty when nothing is.
func (w *World) unsettled() string {
	switch {
	case w.acting > 0:
		return fmt.Sprintf("%d steps are not done", w.acting)
	case w.pending > 0:
		return fmt.Sprintf("%d things are about to happen", w.pending)
	}
	for _, s := range w.services {
		if s.starting > 0 {
			return s.Name + " is about to start"
		}
		if len(w.settled) == 0 && s.ended == nil && len(s.disk.data.outbox) > 0 {
			return fmt.Sprintf("%d rows wait in the outbox of %s", len(s.disk.data.outbox), s.Name)
		}
	}
	for i, is := range w.settled {
		if !is() {
			return fmt.Sprintf("condition %d of the end does not hold", i+1)
		}
	}
	return ""
}
