package intent_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/aggregate/aggregatetest"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
	"github.com/murmuration-dev/murmuration/pkg/intent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errGateway = errors.New("gateway is away")

// bench is a database, and what was executed. Its time is that of a bubble: it
// passes only while nobody has anything to do, and then at once.
type bench struct {
	t     *testing.T
	store *aggregatetest.Store
	began time.Time

	mu      sync.Mutex
	runs    []execution
	running map[string]int
	most    int // running at once
	beside  int // executions that ran beside another one of the same key
	runners []*runner
}

type execution struct {
	key, owner string
	after      time.Duration // since the bench began
	attempt    int
}

// bubble runs a test in a bubble of time.
func bubble(t *testing.T, test func(b *bench)) {
	t.Helper()
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	synctest.Test(t, func(t *testing.T) {
		store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		b := &bench{t: t, store: aggregatetest.Wrap(store), began: time.Now(), running: make(map[string]int)}
		defer func() { check(t, store.Close()) }()
		defer b.stopAll()
		test(b)
		if b.beside > 0 {
			t.Errorf("%d executions ran beside another one of the same intent", b.beside)
		}
	})
}

// pass lets time pass, in a bubble.
func pass(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // takes no time in a bubble, and ends when nobody has anything to do
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// add commits intents of a kind that are due after some time.
func (b *bench) add(kind string, due time.Duration, keys ...string) {
	b.t.Helper()
	check(b.t, aggregate.Do(b.t.Context(), b.store.Store, func(s *aggregate.Session) error {
		for _, key := range keys {
			s.Unit.Intents = append(s.Unit.Intents, eventstore.Intent{
				Key: key, Kind: kind, Stream: eventstore.StreamID{Kind: "s", ID: key}, Due: b.began.Add(due).UnixMicro(),
			})
		}
		return nil
	}))
}

func names(prefix string, n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprint(prefix, i)
	}
	return keys
}

// finish is the commit that ends an intent.
func (b *bench) finish(ctx context.Context, in eventstore.Intent) error {
	return aggregate.Do(ctx, b.store, func(s *aggregate.Session) error {
		s.Unit.FinishIntents = append(s.Unit.FinishIntents, in.Key)
		return nil
	})
}

// by notes executions of an owner and leaves them to do.
func (b *bench) by(owner string, do intent.Executor) intent.Executor {
	return func(ctx context.Context, in eventstore.Intent) error {
		b.mu.Lock()
		b.runs = append(b.runs, execution{in.Key, owner, time.Since(b.began), in.Attempts})
		if b.running[in.Key]++; b.running[in.Key] > 1 {
			b.beside++
		}
		b.most = max(b.most, len(b.running))
		b.mu.Unlock()
		defer func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.running[in.Key]--; b.running[in.Key] == 0 {
				delete(b.running, in.Key)
			}
		}()
		return do(ctx, in)
	}
}

func (b *bench) executions() []execution {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]execution(nil), b.runs...)
}

// peak is how many executions were under way at once, at most.
func (b *bench) peak() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.most
}

// counts are the executions by key.
func (b *bench) counts() map[string]int {
	out := make(map[string]int)
	for _, e := range b.executions() {
		out[e.key]++
	}
	return out
}

// runner is a runner under way.
type runner struct {
	b      *bench
	cancel context.CancelFunc
	ended  chan error
}

func (b *bench) run(cfg intent.Config, deps intent.Deps) *runner {
	b.t.Helper()
	if deps.Store == nil {
		deps.Store = b.store
	}
	r, err := intent.New(cfg, deps)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	out := &runner{b: b, cancel: cancel, ended: make(chan error, 1)}
	go func() { out.ended <- r.Run(ctx) }()
	b.runners = append(b.runners, out)
	return out
}

// start runs one kind of prompt intents.
func (b *bench) start(cfg intent.Config, do intent.Executor) *runner {
	b.t.Helper()
	return b.run(cfg, intent.Deps{Kinds: map[string]intent.Kind{"charge": {Execute: b.by(cfg.Owner, do)}}})
}

func (r *runner) stop() {
	r.b.t.Helper()
	r.cancel()
	check(r.b.t, <-r.ended)
	r.ended <- nil // for whoever stops it again
}

func (b *bench) stopAll() {
	for _, r := range b.runners {
		r.stop()
	}
}

func (b *bench) list(state eventstore.IntentState) []eventstore.Intent {
	b.t.Helper()
	list, err := b.store.ListIntents(b.t.Context(), state, "", 10_000)
	check(b.t, err)
	return list
}

// none fails the test unless all intents came to an end.
func (b *bench) none() {
	b.t.Helper()
	if pending, parked := b.list(eventstore.IntentPending), b.list(eventstore.IntentParked); len(pending)+len(parked) > 0 {
		b.t.Errorf("%d intents are pending, %d parked", len(pending), len(parked))
	}
}

// within fails the test unless an execution came in a span of time.
func (b *bench) within(what string, got, from, to time.Duration) {
	b.t.Helper()
	if got < from || got > to {
		b.t.Errorf("%s: after %v, want between %v and %v", what, got, from, to)
	}
}
