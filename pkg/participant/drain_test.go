package participant

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

// follower is a proxy that sends requests to who is ready, as far as it knows.
type follower struct {
	t      *testing.T
	server *httptest.Server
	asking sync.WaitGroup
	stop   context.CancelFunc
	ctx    context.Context

	mu    sync.Mutex
	ready map[*process]*httputil.ReverseProxy
}

const followEvery = 20 * time.Millisecond

func newFollower(t *testing.T) *follower {
	t.Helper()
	f := &follower{t: t, ready: map[*process]*httputil.ReverseProxy{}}
	f.ctx, f.stop = context.WithCancel(context.WithoutCancel(t.Context()))
	f.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if target := f.choose(); target != nil {
			target.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(func() {
		f.stop()
		f.asking.Wait()
		f.server.Close()
	})
	return f
}

func (f *follower) choose() *httputil.ReverseProxy {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, target := range f.ready { // the order of a map is by chance
		return target
	}
	return nil
}

// follow asks a process, over and over, whether it is ready.
func (f *follower) follow(p *process) {
	f.t.Helper()
	at, err := url.Parse(p.api)
	if err != nil {
		f.t.Fatal(err)
	}
	target := httputil.NewSingleHostReverseProxy(at)
	connections := &http.Transport{} // that are kept, as a proxy does
	target.Transport = connections
	f.asking.Go(func() {
		defer connections.CloseIdleConnections()
		tick := time.NewTicker(followEvery)
		defer tick.Stop()
		for {
			code, _ := p.readiness()
			f.mu.Lock()
			if code == http.StatusOK {
				f.ready[p] = target
			} else {
				delete(f.ready, p)
			}
			f.mu.Unlock()
			select {
			case <-f.ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
}

func (f *follower) knows(p *process) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ready[p] != nil
}

// customers send requests without end, and try none again.
func (f *follower) customers(n int) (answered *atomic.Int64, stop func()) {
	answered = new(atomic.Int64)
	ctx, cancel := context.WithCancel(context.WithoutCancel(f.t.Context()))
	var all sync.WaitGroup
	for c := range n {
		all.Go(func() {
			tick := time.NewTicker(followEvery)
			defer tick.Stop()
			for i := 0; ctx.Err() == nil; i++ {
				code, body := call(f.t, "POST", fmt.Sprintf("%s/tallies/c%d-%d", f.server.URL, c, i), `{"amount":1}`)
				if code != http.StatusOK {
					f.t.Errorf("customer %d was refused: %d %s", c, code, body)
				}
				answered.Add(1)
				<-tick.C
			}
		})
	}
	return answered, func() { cancel(); all.Wait() }
}

// The delay is long beside what the proxy needs to notice on a busy machine.
func TestRun_IsReplacedWithoutARefusedRequest(t *testing.T) {
	t.Parallel()
	owner, _, _, ok := twoRoles(t)
	if !ok {
		return
	}
	s := newSurroundings(t)
	cluster := s.startBrokers()
	s.settings.DatabaseURL, s.settings.DrainDelay, s.settings.Instance = owner, 10*time.Second, "first"
	first := s.start(testSpec(nil))
	first.waitReady()
	proxy := newFollower(t)
	proxy.follow(first)
	eventually(t, "the proxy knows the first", func() bool { return proxy.knows(first) })
	eventually(t, "the first leads", func() bool { return strings.HasPrefix(s.leaseOwner(), "first/") })
	answered, stopCustomers := proxy.customers(4)

	s.settings.Instance = "second"
	second := s.start(testSpec(nil))
	second.waitReady()
	proxy.follow(second)
	eventually(t, "the proxy knows the second", func() bool { return proxy.knows(second) })
	if n := len(kafkatest.Requests[*kmsg.LeaveGroupRequest](cluster.Proxy)); n != 0 {
		t.Fatalf("%d members left before anybody was stopped", n)
	}
	before := answered.Load()
	first.cancel()
	eventually(t, "the proxy sees the first leave", func() bool { return !proxy.knows(first) })
	select {
	case <-first.ended:
		t.Error("it ended before the delay was over")
	default:
	}
	check(t, first.wait())
	if now := s.leaseOwner(); strings.HasPrefix(now, "first/") {
		t.Error("it kept the lease, and so the second from going on")
	}
	if len(kafkatest.Requests[*kmsg.LeaveGroupRequest](cluster.Proxy)) == 0 {
		t.Error("it did not leave its group")
	}
	eventually(t, "the second leads", func() bool { return strings.HasPrefix(s.leaseOwner(), "second/") })
	stopCustomers()
	if answered.Load() == before {
		t.Error("nobody asked for anything meanwhile")
	}
	eventually(t, "all is published", func() bool { return int64(len(s.published("tallies"))) == answered.Load() })
	check(t, second.stop())
}

// leaseOwner is who holds the lease of the relay, empty if nobody.
func (s *surroundings) leaseOwner() string {
	s.t.Helper()
	store, err := postgres.Open(s.t.Context(), postgres.Config{URL: s.settings.DatabaseURL})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { check(s.t, store.Close()) }()
	lease, err := store.Lease(s.t.Context(), "tally")
	check(s.t, err)
	return lease.Owner
}
