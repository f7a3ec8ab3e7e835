//go:build e2e

package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/client"
	"github.com/murmuration-dev/murmuration/e2e/fault/plan"
	"github.com/murmuration-dev/murmuration/e2e/fault/sever"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

const (
	// mendFor bounds a mending: a part that comes back while others are down waits
	// for them.
	mendFor = 3 * time.Minute
	// replicasOf is how many replicas of a service a drill expects and leaves.
	replicasOf = 2
)

// Drill is a platform to be broken.
type Drill struct {
	stack   *stack.Containers
	client  *client.Client // to set faults of the gateway
	proxies map[plan.Target]*sever.Proxy
	samples *samples
	orders  int // are expected
	say     func(format string, args ...any)

	mu   sync.Mutex
	busy map[stack.Part]bool
	free *sync.Cond
}

// services are the targets that are services, and those that are their databases.
var services = map[plan.Target]string{
	plan.Order: stack.Order, plan.Payment: stack.Payment, plan.Inventory: stack.Inventory,
	plan.OrderDatabase: stack.Order, plan.PaymentDatabase: stack.Payment, plan.InventoryDatabase: stack.Inventory,
}

var databases = []plan.Target{plan.OrderDatabase, plan.PaymentDatabase, plan.InventoryDatabase}

// Run carries a schedule out, and returns when everything is mended. It stops
// early when ctx ends.
func (d *Drill) Run(ctx context.Context, s plan.Schedule) []plan.Injected {
	begun := time.Now()
	lanes := make(map[string][]plan.Fault)
	for _, f := range s.Faults {
		lanes[f.Target.Sort()] = append(lanes[f.Target.Sort()], f)
	}
	var mu sync.Mutex
	var out []plan.Injected
	var running sync.WaitGroup
	for _, faults := range lanes {
		running.Go(func() {
			for _, f := range faults {
				if pause(ctx, f.At-time.Since(begun)) != nil {
					return
				}
				i := d.inject(ctx, f)
				d.say("%7.1f s  %s, %s: %s", time.Since(begun).Seconds(), f.Kind, f.Target, told(i))
				mu.Lock()
				out = append(out, i)
				mu.Unlock()
			}
		})
	}
	running.Wait()
	return out
}

func told(i plan.Injected) string {
	if i.Err != nil {
		return "could not be: " + brief(i.Err)
	}
	return i.Part
}

// brief is an error without the logs that may be in it.
func brief(err error) string {
	const most = 300
	text := err.Error()
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

// inject carries one fault out.
func (d *Drill) inject(ctx context.Context, f plan.Fault) plan.Injected {
	out := plan.Injected{Fault: f, Part: string(f.Target)}
	do, ok := ways[f.Kind]
	if !ok {
		out.Err = fmt.Errorf("no way to inject %s", f.Kind)
		return out
	}
	parts, err := d.parts(ctx, f)
	if err != nil {
		out.Err = err
		return out
	}
	names := make([]string, len(parts))
	for i, p := range parts {
		names[i] = string(p)
	}
	if out.Part = strings.Join(names, " "); len(parts) > replicasOf+1 {
		out.Part = fmt.Sprintf("%d parts", len(parts))
	}
	if f.Kind != plan.Rolling { // takes them one by one
		defer d.take(parts...)()
	}
	out.Err = do(d, ctx, f, parts)
	return out
}

// parts are what a fault is done to.
func (d *Drill) parts(ctx context.Context, f plan.Fault) ([]stack.Part, error) {
	service := services[f.Target]
	switch {
	case roles[f.Target] != nil:
		part, err := d.broker(ctx, f)
		return []stack.Part{part}, err
	case slices.Contains(databases, f.Target):
		return []stack.Part{stack.Database(service)}, nil
	case f.Kind == plan.Scale:
		return d.replicas(service, replicasOf+1), nil
	case service != "":
		return []stack.Part{stack.Replica(service, 1+int(f.Choice%replicasOf))}, nil
	case f.Target == plan.Registry:
		return []stack.Part{stack.Registry}, nil
	case f.Target == plan.Gateway:
		return []stack.Part{stack.Gateway}, nil
	case f.Target == plan.PositionTopics: // a service that starts meanwhile would say that they are not as declared
		return d.services(), nil
	case f.Kind == plan.Rolling:
		return d.everything(), nil
	}
	return nil, nil
}

func (d *Drill) replicas(service string, n int) []stack.Part {
	var out []stack.Part
	for i := range n {
		out = append(out, stack.Replica(service, i+1))
	}
	return out
}

// services are all replicas of all services.
func (d *Drill) services() []stack.Part {
	return slices.Concat(d.replicas(stack.Order, replicasOf), d.replicas(stack.Payment, replicasOf), d.replicas(stack.Inventory, replicasOf))
}

// everything is all parts that run: services first.
func (d *Drill) everything() []stack.Part {
	out := d.services()
	for _, p := range d.stack.Parts() {
		service, _, replica := strings.Cut(string(p), "-")
		isService := slices.Contains([]string{stack.Order, stack.Payment, stack.Inventory}, service)
		if p != stack.Everything && !(isService && replica && p != stack.Database(service)) {
			out = append(out, p)
		}
	}
	return out
}

// take waits until no other fault has any of the parts, and returns what gives
// them back. All at once, so that two faults cannot wait for each other.
func (d *Drill) take(parts ...stack.Part) (release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for slices.ContainsFunc(parts, func(p stack.Part) bool { return d.busy[p] }) {
		d.free.Wait()
	}
	for _, p := range parts {
		d.busy[p] = true
	}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, p := range parts {
			delete(d.busy, p)
		}
		d.free.Broadcast()
	}
}

// pause waits; an error if ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// mend runs what ends a fault, also when ctx has ended: a platform has to be whole
// to be judged, or closed.
func mend(ctx context.Context, what func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mendFor)
	defer cancel()
	return what(ctx)
}

// hold keeps a fault up for its time and mends it.
func hold(ctx context.Context, f plan.Fault, undo func(context.Context) error) error {
	_ = pause(ctx, f.For) // whatever ends it
	return mend(ctx, undo)
}

// settled waits until a part is ready again.
func (d *Drill) settled(ctx context.Context, part stack.Part) error {
	return mend(ctx, func(ctx context.Context) error { return d.stack.Await(ctx, part) })
}

var errStopped = errors.New("a part did not end in order")
