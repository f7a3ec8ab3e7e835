package kafkatest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Injection is a Fault in place.
type Injection struct {
	p     *Proxy
	fault Fault
	left  int // guarded by p.mu
	hits  int // guarded by p.mu
	spent chan struct{}
	once  sync.Once
	held  chan struct{}
}

// Inject puts a fault in place. Of several that match a request, the one that
// was injected first applies.
func (p *Proxy) Inject(f Fault) *Injection {
	in := &Injection{p: p, fault: f, left: max(f.Times, 1), spent: make(chan struct{}), held: make(chan struct{})}
	if f.Times == Always {
		in.left = Always
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, in)
	return in
}

// Remove ends the fault; requests that it holds stay held.
func (in *Injection) Remove() {
	in.p.mu.Lock()
	defer in.p.mu.Unlock()
	in.p.faults = slices.DeleteFunc(in.p.faults, func(o *Injection) bool { return o == in })
}

// Clear removes every fault.
func (p *Proxy) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = nil
}

// Hits is how often the fault has applied so far.
func (in *Injection) Hits() int {
	in.p.mu.Lock()
	defer in.p.mu.Unlock()
	return in.hits
}

// Wait returns when the fault has applied as often as it was meant to, and fails
// the test if that takes too long. Not for Always.
func (in *Injection) Wait(tb testing.TB) {
	tb.Helper()
	select {
	case <-in.spent:
	case <-time.After(waitLimit):
		tb.Fatalf("fault on %s: %d hits within %v", kmsg.NameForKey(in.fault.Key), in.Hits(), waitLimit)
	}
}

// Held is closed once a request waits for Hold: with After, once the broker has
// handled it.
func (in *Injection) Held() <-chan struct{} { return in.held }

// admit remembers the request, and takes one use of the fault that applies to it.
func (p *Proxy) admit(req kmsg.Request) *Injection {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.requests) == keptRequests {
		p.requests = slices.Delete(p.requests, 0, keptRequests/2)
	}
	p.requests = append(p.requests, req)
	for _, in := range p.faults {
		if in.fault.Key != req.Key() || in.left == 0 || in.fault.Match != nil && !in.fault.Match(req) {
			continue
		}
		if in.left > 0 {
			in.left--
		}
		return in
	}
	return nil
}

func (in *Injection) hit() {
	in.p.mu.Lock()
	defer in.p.mu.Unlock()
	in.hits++
	if in.left == 0 && in.hits == max(in.fault.Times, 1) {
		close(in.spent)
	}
}

// Requests returns the requests of type R seen so far, in the order in which
// they came: Requests[*kmsg.ProduceRequest](p). They must not be changed.
func Requests[R kmsg.Request](p *Proxy) []R {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []R
	for _, r := range p.requests {
		if q, ok := r.(R); ok {
			out = append(out, q)
		}
	}
	return out
}
