package sim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/jitter"
)

// Start is a service's main function: it runs one process of the service until
// ctx ends, and returns nil then. Everything outside the process is reached
// through n. It waits for what it started, as any good main function does.
type Start func(ctx context.Context, n *Node) error

// Service declares a service. Its processes share one database, and are started
// again when they crash.
type Service struct {
	Name string
	// Replicas is how many processes run; 1 if zero.
	Replicas int
	Start    Start
	// MayEnd judges an error with which Start returned by itself: true means that
	// the service was right to stop. Nil: it never is.
	MayEnd func(error) bool
}

type service struct {
	Service
	world    *World
	disk     *Disk
	calls    int // that arrived, of all processes
	lives    int
	live     []*Node
	starting int // processes that will be started
	ended    error
}

// Node is one process of a service, from its start to its end.
type Node struct {
	// Service is the name of the service, Name that of the process, unique.
	Service, Name string

	world   *World
	service *service
	hash    uint64
	cancel  context.CancelFunc
	txs     map[*tx]struct{} // open units, released by a crash
	members map[*member]struct{}

	died chan struct{} // closed when the process is no more

	// Guarded by the world's lock.
	dead, stopping, extra bool
	api                   any
	// asleep is when a zombie wakes up.
	asleep time.Time

	mu     sync.Mutex // guards counts and draws alone
	counts map[uint64]uint32
	draws  dice
}

// World is where the process lives.
func (n *Node) World() *World { return n.world }

// Serve hands what answers requests of clients to [World.Reach].
func (n *Node) Serve(api any) {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	n.api = api
}

// context gives a request the chance of this process and its own end.
func (n *Node) context(ctx context.Context) context.Context { return jitter.With(ctx, n.chance) }

// Sleep waits, and returns early with an error when ctx ends.
func (n *Node) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// launch starts a process; the world's lock is held.
func (s *service) launch(extra bool) *Node {
	w := s.world
	s.lives++
	n := &Node{
		Service: s.Name, Name: fmt.Sprintf("%s#%d", s.Name, s.lives), world: w, service: s, extra: extra,
		txs: make(map[*tx]struct{}), members: make(map[*member]struct{}), counts: make(map[uint64]uint32, 64),
		died: make(chan struct{}),
	}
	n.hash = hashString(mix(w.plan.Seed), n.Name)
	n.draws = newDice(n.hash, "jitter")
	ctx, cancel := context.WithCancel(w.ctx)
	n.cancel = cancel
	ctx = jitter.With(ctx, n.chance)
	s.live = append(s.live, n)
	w.event(n, "starts")
	w.running.Go(func() {
		err := s.Start(ctx, n)
		cancel()
		w.mu.Lock()
		defer w.mu.Unlock()
		s.returned(n, err)
	})
	return n
}

func (n *Node) chance(bound int64) int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return int64(n.draws.next() % uint64(bound))
}

// returned is the end of a process whose main function came back.
func (s *service) returned(n *Node, err error) {
	if n.dead || s.world.over {
		return
	}
	n.leave()
	s.world.event(n, "ends")
	switch {
	case n.stopping && err == nil:
	case err != nil && s.MayEnd != nil && s.MayEnd(err):
		s.ended = err
		return
	default:
		if err == nil {
			err = errors.New("its main function returned")
		}
		s.world.fail(fmt.Errorf("%s ended by itself: %w", n.Name, err))
	}
}

// leave takes a process that is no more out of all that knew it.
func (n *Node) leave() {
	n.dead = true
	close(n.died)
	for i, other := range n.service.live {
		if other == n {
			n.service.live = append(n.service.live[:i:i], n.service.live[i+1:]...)
			break
		}
	}
	for t := range n.txs {
		if !t.sent {
			t.release()
		}
	}
	for m := range n.members {
		m.silent()
	}
}

// crash ends a process at once; another one is started after a while. Nothing of
// it goes on: its calls never return.
func (n *Node) crash() {
	if n.dead {
		return
	}
	n.leave()
	w := n.world
	w.event(n, "is dead")
	if !n.extra {
		n.service.restart(w.dice("restart "+n.Name), time.Millisecond, 2*time.Second)
	}
}

// restart starts a process after a while.
func (s *service) restart(d dice, soon, late time.Duration) {
	s.starting++
	wait := d.between(soon, late)
	if d.oneIn(2) {
		wait = d.between(soon, 20*soon) // most supervisors are quick
	}
	s.world.later(wait, func() {
		s.starting--
		s.launch(false)
	})
}

// stop ends a process in good order, and starts another one.
func (n *Node) stop() {
	if n.dead || n.stopping {
		return
	}
	n.stopping = true
	n.world.event(n, "is told to stop")
	n.cancel()
	if !n.extra {
		n.service.restart(n.world.dice("restart "+n.Name), time.Millisecond, time.Second)
	}
}

// sleepUntil makes a zombie of a process: nothing that it sends leaves before it
// wakes up, and it notices no end of a context. Whoever supervises it starts
// another process meanwhile, and ends the old one some time after it woke up.
func (n *Node) sleepUntil(t time.Time) {
	w := n.world
	n.asleep = t
	w.pending++
	for m := range n.members {
		m.silent()
	}
	d := w.dice("zombie " + n.Name)
	if !n.extra {
		n.extra = true
		n.service.restart(d, time.Millisecond, time.Second)
	}
	w.later(time.Until(t)+d.between(time.Second, 5*time.Second), func() {
		w.pending--
		if d.oneIn(2) {
			n.crash()
		} else {
			n.stop()
		}
	})
}

func (n *Node) frozen() bool {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	return time.Now().Before(n.asleep)
}

func (n *Node) gone() bool {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	return n.dead
}

// travel lets time pass for a call. A zombie waits until it wakes up, whatever
// becomes of ctx meanwhile.
func (n *Node) travel(ctx context.Context, d time.Duration) error {
	w := n.world
	w.mu.Lock()
	if w.over {
		w.mu.Unlock()
		return errOver
	}
	if n.dead {
		w.mu.Unlock()
		return n.hang()
	}
	until := time.Now()
	done := ctx.Done()
	if n.asleep.After(until) {
		until, done = n.asleep, nil
	}
	wait := w.slot(until.Add(d))
	w.mu.Unlock()
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-w.ends:
		return errOver
	case <-done:
	}
	if n.frozen() { // fell asleep while the call was on its way
		select {
		case <-t.C:
			return nil
		case <-w.ends:
			return errOver
		}
	}
	return ctx.Err()
}

// hang never returns while the world goes on: the process is dead.
func (n *Node) hang() error {
	<-n.world.ends
	return errOver
}
