package sim

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrConnection is what a caller sees when its request or the answer was lost, or
// when the other side is away: it does not tell whether there was an effect.
var ErrConnection = errors.New("connection lost")

// errOver ends every call when the world ends.
var errOver = errors.New("the simulation is over")

const (
	// A call takes from fastest to slowest, and once in rarely times up to
	// crawling: enough for any two calls under way to overtake each other.
	fastest  = 50 * time.Microsecond
	slowest  = 2 * time.Millisecond
	crawling = 60 * time.Millisecond
	rarely   = 24
)

// request is one call of a process on its way.
type request struct {
	node *Node
	// part is who is called: a database, the broker, or an external system.
	part *part
	op   string
	key  string
	// effect takes place at one instant, alone, with the world's lock held.
	effect func() error
	// drop is called instead of effect, if set, once it is certain that the call
	// never arrives.
	drop func()
	dice dice
}

// part is something that is called, and can be away.
type part struct {
	name string
	away int // outages under way
}

// Call carries a call of this process to an external system: it arrives after a
// while, takes effect at one instant at which nothing else happens, and meets the
// faults of the schedule: it may be lost, answered in vain, late, or the last
// that this process does. The error is ErrConnection where the outcome is not
// known, that of effect, or that of ctx.
//
// op and key name the call in the trace. effect must not call the world.
func (n *Node) Call(ctx context.Context, system, op, key string, effect func() error) error {
	return n.do(ctx, n.world.system(system), op, key, effect)
}

func (n *Node) do(ctx context.Context, to *part, op, key string, effect func() error) error {
	return n.request(to, op, key, effect).send(ctx)
}

func (r *request) send(ctx context.Context) error {
	n := r.node
	if err := ctx.Err(); err != nil && !n.frozen() {
		r.never()
		return err
	}
	r.roll()
	if err := n.travel(ctx, r.latency()); err != nil {
		return r.abandoned(err)
	}
	w := n.world
	w.mu.Lock()
	if w.over {
		w.mu.Unlock()
		return errOver
	}
	if n.dead {
		r.straggle()
		w.mu.Unlock()
		return n.hang()
	}
	f := w.fate(r)
	switch f.Kind {
	case faultNone:
		err := r.arrive()
		w.mu.Unlock()
		return err
	case CrashBefore, CrashAfter:
		if f.Kind == CrashAfter {
			_ = r.arrive()
		} else {
			r.dropped()
		}
		w.note(r, f.Kind.String(), nil)
		n.crash()
		w.mu.Unlock()
		return n.hang()
	case LostRequest:
		w.note(r, f.Kind.String(), nil)
		r.dropped()
		w.mu.Unlock()
		return r.unanswered(ctx)
	case LostAnswer:
		_ = r.arrive()
		w.note(r, f.Kind.String(), nil)
		w.mu.Unlock()
		return r.unanswered(ctx)
	case LateRequest:
		w.note(r, f.Kind.String(), nil)
		w.later(f.For, func() { _ = r.arrive() })
		w.mu.Unlock()
		return r.unanswered(ctx)
	case Slow:
		w.note(r, f.Kind.String(), nil)
		w.mu.Unlock()
		return r.crawl(ctx, f.For)
	case Zombie:
		return r.freeze(f.For) // unlocks
	}
	w.mu.Unlock()
	panic(fmt.Sprintf("fault %s does not happen to a call", f.Kind))
}

func (n *Node) request(to *part, op, key string, effect func() error) *request {
	return &request{node: n, part: to, op: op, key: key, effect: effect}
}

// roll draws what chance decides about a call, once it is certain that it leaves:
// which of two ready cases a select takes must not matter.
func (r *request) roll() {
	n := r.node
	h := hashString(hashString(n.hash, r.op), r.key)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.counts[h]++
	r.dice = dice(mix(h + uint64(n.counts[h])*fnvPrime))
}

func (r *request) latency() time.Duration {
	if r.dice.oneIn(rarely) {
		return r.dice.between(slowest, crawling)
	}
	return r.dice.between(fastest, slowest)
}

// arrive lets the call take effect, unless its target is away.
func (r *request) arrive() error {
	w := r.node.world
	if r.part.away > 0 {
		w.note(r, "away", nil)
		r.dropped()
		return fmt.Errorf("%s is away: %w", r.part.name, ErrConnection)
	}
	err := r.effect()
	w.note(r, "", err)
	return err
}

// abandoned is a call whose caller gave up while it was on its way. It may arrive
// all the same.
func (r *request) abandoned(cause error) error {
	w := r.node.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return errOver
	}
	if r.dice.oneIn(2) {
		w.later(r.dice.between(fastest, slowest), func() { _ = r.arrive() })
	} else {
		r.dropped()
	}
	return fmt.Errorf("%w: %w", ErrConnection, cause)
}

// straggle is what becomes of a call whose process died while it was on its way.
func (r *request) straggle() {
	if r.dice.oneIn(2) {
		_ = r.arrive()
	} else {
		r.dropped()
	}
}

// dropped is the end of a call that never arrives; the world's lock is held.
func (r *request) dropped() {
	if r.drop != nil {
		r.drop()
	}
}

func (r *request) never() {
	w := r.node.world
	w.mu.Lock()
	defer w.mu.Unlock()
	r.dropped()
}

// unanswered is how long it takes until a caller knows that it will hear nothing.
func (r *request) unanswered(ctx context.Context) error {
	if err := r.node.travel(ctx, r.dice.between(fastest, 10*slowest)); err != nil {
		return fmt.Errorf("%w: %w", ErrConnection, err)
	}
	if r.node.gone() {
		return r.node.hang()
	}
	return ErrConnection
}

// crawl is a call that takes long. A caller who gives up does not take it back.
func (r *request) crawl(ctx context.Context, d time.Duration) error {
	w := r.node.world
	until := time.Now().Add(d)
	if err := r.node.travel(ctx, d); err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.over {
			w.later(max(time.Until(until), fastest), func() { _ = r.arrive() })
		}
		return fmt.Errorf("%w: %w", ErrConnection, err)
	}
	return r.late()
}

// freeze makes a zombie of the process: it stands still, with this call already
// sent or about to be, and goes on later as if nothing had been.
func (r *request) freeze(d time.Duration) error {
	n, w := r.node, r.node.world
	w.note(r, Zombie.String(), nil)
	n.sleepUntil(time.Now().Add(d))
	sent := r.dice.oneIn(2)
	var err error
	if sent {
		err = r.arrive()
	}
	w.mu.Unlock()
	if failed := n.travel(context.Background(), fastest); failed != nil {
		return failed
	}
	if sent {
		return err
	}
	return r.late()
}

// late is the arrival of a call that waited on purpose.
func (r *request) late() error {
	w := r.node.world
	w.mu.Lock()
	if w.over {
		w.mu.Unlock()
		return errOver
	}
	if r.node.dead {
		r.straggle()
		w.mu.Unlock()
		return r.node.hang()
	}
	defer w.mu.Unlock()
	return r.arrive()
}
