package sim

import (
	"fmt"
	"slices"
	"time"
)

// Kind is a kind of fault.
type Kind int

// Faults that happen to one call of a service.
const (
	faultNone Kind = iota
	// CrashBefore and CrashAfter end the process at a call, which has not or has
	// taken effect: between them they are a crash at any await.
	CrashBefore
	CrashAfter
	// LostRequest never arrives, LostAnswer does. The caller learns neither; of a
	// commit this is eventstore.ErrOutcomeUnknown, with either truth.
	LostRequest
	LostAnswer
	// LateRequest is given up by its caller and arrives long after.
	LateRequest
	// Slow takes long; the caller may wait or give up.
	Slow
	// Zombie makes the process stand still in the middle of a call and go on
	// later under its old identity, while a successor has taken over.
	Zombie

	// Faults that happen at a time.

	// Stop ends a process in good order; it is started again.
	Stop
	// DatabaseAway and BrokerAway refuse every call for a while; SystemAway does
	// so for an external system.
	DatabaseAway
	BrokerAway
	SystemAway
	// DatabaseRestart breaks every unit of work that is open.
	DatabaseRestart
	// Rebalance starts a new generation of a service's group.
	Rebalance
	// Compact removes older records of a topic's keys, now.
	Compact
	kinds
)

var kindNames = [kinds]string{
	"none", "crash before", "crash after", "lost request", "lost answer", "late request", "slow", "zombie",
	"stop", "database away", "broker away", "system away", "database restart", "rebalance", "compact",
}

// String is the name of the kind in traces.
func (k Kind) String() string { return kindNames[k] }

func (k Kind) timed() bool { return k >= Stop }

// Fault is one thing that goes wrong in a schedule.
type Fault struct {
	Kind Kind
	// Target is a service, a topic (Compact) or a system (SystemAway).
	Target string
	// Call is which call of the service it happens to, counted as they arrive.
	Call int
	// After is when it happens, from the start; for kinds that are no call's.
	After time.Duration
	// For is how long it lasts, for kinds that last.
	For time.Duration
}

func (f Fault) String() string {
	s := f.Kind.String()
	if f.Target != "" {
		s += " " + f.Target
	}
	if f.Kind.timed() {
		s += fmt.Sprintf(" at %s", f.After)
	} else {
		s += fmt.Sprintf(" at call %d", f.Call)
	}
	if f.For > 0 {
		s += fmt.Sprintf(" for %s", f.For)
	}
	return s
}

// Mix says which faults a scenario meets, and how many.
type Mix struct {
	// Kinds are drawn from with equal chance; nil means all.
	Kinds []Kind
	// Least and Most bound the faults of one schedule; default 0 and 6.
	Least, Most int
	// Calls bounds the call that a fault happens to; default 200.
	Calls int
	// Within bounds when timed faults happen; default 1.5 s.
	Within time.Duration
}

const (
	defaultMost   = 6
	defaultCalls  = 200
	defaultWithin = 1500 * time.Millisecond
	// longest bounds what lasts: longer than every lease and session, shorter
	// than it takes to give a settlement up.
	longest = 6 * time.Second
)

// draw makes the faults of a seed.
func (w *World) draw() []Fault {
	m := w.mix
	if m.Kinds == nil {
		for k := faultNone + 1; k < kinds; k++ {
			m.Kinds = append(m.Kinds, k)
		}
	}
	d := newDice(w.plan.Seed, "faults")
	faults := []Fault{}
	for range m.Least + d.below(or(m.Most, defaultMost)-m.Least+1) {
		f := Fault{Kind: m.Kinds[d.below(len(m.Kinds))]}
		switch f.Kind {
		case Compact:
			f.Target = pick(&d, w.cluster.names)
		case SystemAway:
			f.Target = pick(&d, w.systems)
		case BrokerAway:
		default:
			f.Target = w.services[d.below(len(w.services))].Name
		}
		if f.Target == "" && f.Kind != BrokerAway {
			continue // there is none of that sort here
		}
		if f.Kind.timed() {
			f.After = d.between(0, or(m.Within, defaultWithin)).Round(time.Microsecond)
		} else {
			f.Call = 1 + d.below(or(m.Calls, defaultCalls))
		}
		switch f.Kind {
		case LateRequest, Slow, Zombie, DatabaseAway, BrokerAway, SystemAway:
			f.For = d.between(time.Millisecond, longest).Round(time.Microsecond)
			if d.oneIn(2) {
				f.For /= 20
			}
		}
		faults = append(faults, f)
	}
	return faults
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

func pick(d *dice, from []string) string {
	if len(from) == 0 {
		return ""
	}
	return from[d.below(len(from))]
}

// arm puts the plan's faults where they will be met.
func (w *World) arm() {
	for _, f := range w.plan.Faults {
		if f.Kind.timed() {
			w.later(max(f.After, time.Nanosecond), func() { w.happen(f) })
			continue
		}
		if s := w.service(f.Target); s != nil {
			if w.armed == nil {
				w.armed = make(map[place]Fault)
			}
			w.armed[place{s, f.Call}] = f
		}
	}
}

// place is one call of a service.
type place struct {
	service *service
	call    int
}

// fate counts a call that arrived, and tells what happens to it.
func (w *World) fate(r *request) Fault {
	s := r.node.service
	s.calls++
	f, ok := w.armed[place{s, s.calls}]
	if !ok || w.calm || r.node.dead {
		return Fault{}
	}
	if r.node.extra && (f.Kind == Zombie || f.Kind == CrashBefore || f.Kind == CrashAfter) {
		return Fault{} // on its way out already
	}
	w.injected[f.Kind]++
	return f
}

// happen lets a timed fault take place.
func (w *World) happen(f Fault) {
	if w.calm {
		return
	}
	s := w.service(f.Target)
	switch f.Kind {
	case Stop:
		if s == nil || len(s.live) == 0 || s.live[0].extra {
			return
		}
		s.live[0].stop()
	case DatabaseAway:
		if s == nil {
			return
		}
		w.absent(&s.disk.part, f.For)
	case BrokerAway:
		w.absent(&w.cluster.part, f.For)
	case SystemAway:
		w.absent(w.parts[f.Target], f.For)
	case DatabaseRestart:
		if s == nil {
			return
		}
		w.event(nil, "database of "+f.Target+" restarts")
		s.disk.crash()
	case Rebalance:
		if !w.cluster.rebalance(f.Target) {
			return
		}
	case Compact:
		t := w.cluster.topics[f.Target]
		if t == nil {
			return
		}
		w.event(nil, "compaction of "+f.Target)
		t.compact(w.dice("compact " + f.Target))
	}
	w.injected[f.Kind]++
}

func (w *World) absent(p *part, d time.Duration) {
	if p == nil {
		return
	}
	p.away++
	w.event(nil, p.name+" is away")
	w.later(d, func() {
		p.away--
		w.event(nil, p.name+" is back")
	})
}

func (w *World) service(name string) *service {
	i := slices.IndexFunc(w.services, func(s *service) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return w.services[i]
}
