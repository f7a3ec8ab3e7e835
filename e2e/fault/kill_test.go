package fault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/checker"
	"github.com/murmuration-dev/murmuration/e2e/client"
	"github.com/murmuration-dev/murmuration/e2e/fault/crowd"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

const (
	kills = 24
	// afterReady and duringStart bound the moments of kills: the first in the
	// middle of the work, the second before, while and just after the services
	// recover.
	afterReady  = 1500 * time.Millisecond
	duringStart = 200 * time.Millisecond
	// wholeTest bounds everything, so that a platform that hangs says so.
	wholeTest = 150 * time.Second
)

// seedOf takes the seed of MURMUR_SEED, or any, and says which.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("MURMUR_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("MURMUR_SEED: %v", err)
		}
	}
	t.Logf("MURMUR_SEED=%d repeats the choices of this run", seed)
	return seed
}

// Customers buy, and a replay of real orders runs, while the whole platform is
// killed again and again. Afterwards everything that was acknowledged is there,
// once, and every account balances: by murmur's own audit, and by the checker.
func TestKill9_LosesAndDoublesNothing(t *testing.T) {
	seed := seedOf(t)
	random := rand.New(rand.NewPCG(seed, seed))
	ctx, cancel := context.WithTimeout(t.Context(), wholeTest)
	defer cancel()
	p, err := stack.NewProcess(ctx, stack.ProcessConfig{Binary: murmur, Data: filepath.Join(t.TempDir(), "data")})
	if err != nil {
		t.Fatal(err)
	}
	c := client.New(p)
	t.Cleanup(func() {
		c.Close()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("log of the platform:\n%s", p.Log())
		}
	})

	customers, err := crowd.Gather(ctx, c, crowd.Config{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= kills; n++ {
		workAndKill(ctx, t, p, random)
		if n < kills && random.IntN(3) == 0 {
			killDuringStart(ctx, t, p, random)
			n++
		}
		if err := p.Start(ctx, stack.Everything); err != nil {
			t.Fatalf("start after kill %d: %v", n, err)
		}
	}
	if err := customers.Leave(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d orders placed by customers during %d kills", customers.Placed(), kills)

	replayed := replay(ctx, t, p)
	if replayed.Code != 0 {
		t.Fatalf("replay on the platform at rest: %s", replayed)
	}
	before := judge(ctx, t, p, c)
	if again := replay(ctx, t, p); again.Code != 0 {
		t.Fatalf("replay once more: %s", again)
	}
	if after := judge(ctx, t, p, c); after != before {
		t.Errorf("replaying once more made %d records of %d", after, before)
	}
}

// sampleOrders is a day of real orders.
const sampleOrders = "../../cmd/murmur/replay/data/2010-12-01.csv.gz"

func replay(ctx context.Context, t *testing.T, p *stack.Process) stack.Output {
	t.Helper()
	out, err := stack.Command(ctx, murmur, "replay", "--data", p.Data(), sampleOrders)
	if err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
	return out
}

// workAndKill lets the platform work for a random time, with a replay on top, and
// kills both.
func workAndKill(ctx context.Context, t *testing.T, p *stack.Process, random *rand.Rand) {
	t.Helper()
	replaying, stop := context.WithCancel(ctx)
	defer stop()
	var side sync.WaitGroup
	defer side.Wait()
	side.Go(func() { replay(replaying, t, p) })
	wait(ctx, time.Duration(random.Int64N(int64(afterReady))))
	if err := p.Kill(ctx, stack.Everything); err != nil {
		t.Fatal(err)
	}
	stop()
}

// killDuringStart starts the platform and kills it before it can be ready, or soon
// after.
func killDuringStart(ctx context.Context, t *testing.T, p *stack.Process, random *rand.Rand) {
	t.Helper()
	soon, cancel := context.WithTimeout(ctx, time.Duration(random.Int64N(int64(duringStart))))
	defer cancel()
	switch err := p.Start(soon, stack.Everything); {
	case err == nil:
		if err := p.Kill(ctx, stack.Everything); err != nil {
			t.Fatal(err)
		}
	case !errors.Is(err, context.DeadlineExceeded):
		t.Fatalf("start: %v", err)
	}
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// judge lets the platform come to rest and fails if anything is wrong with it. It
// returns the number of records in the logs.
func judge(ctx context.Context, t *testing.T, p *stack.Process, c *client.Client) int {
	t.Helper()
	databases := checker.Databases(p.Data())
	if err := checker.AwaitQuiet(ctx, c, databases); err != nil {
		t.Fatal(err)
	}
	audit, err := stack.Command(ctx, murmur, "audit", "--data", p.Data())
	if err != nil || audit.Code != 0 {
		t.Errorf("audit: %v, %s", err, audit)
	}
	found, err := checker.Read(ctx, p.Addresses(), databases)
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range found.Check(c.History()) {
		t.Error(wrong)
	}
	t.Log(summary(found, c))
	return len(found.Records)
}

func summary(found *checker.Findings, c *client.Client) string {
	statuses := make(map[string]int)
	for _, o := range found.Latest()["orders"] {
		statuses[o.Status]++
	}
	return fmt.Sprintf("%d acknowledged orders of customers, all orders %v, %d records, %d payments at the gateway",
		len(c.History().Orders()), statuses, len(found.Records), len(found.Charges))
}
