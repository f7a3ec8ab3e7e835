//go:build e2e

package kafka_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/e2e/stack/kafkacluster"
)

// startLimit bounds the start of a cluster on a machine that is busy.
const startLimit = 3 * time.Minute

// shared is a cluster that the tests of the package share, started by the first
// that asks.
type shared struct {
	brokers int
	once    sync.Once
	cluster *kafkacluster.Cluster
	err     error
}

var (
	one   = shared{brokers: 1}
	three = shared{brokers: 3}
)

// eager are brokers that do sooner what tests wait for. The cleaner looks every
// 200 ms for logs to compact, not every 15 s; and a leader that is to add itself
// to a transaction while the one before it is being completed says so after 2 ms,
// not after 100, so that clients of protocol V2 meet that, too.
var eager = map[string]string{
	"log.cleaner.backoff.ms":                     "200",
	"add.partitions.to.txn.retry.backoff.ms":     "1",
	"add.partitions.to.txn.retry.backoff.max.ms": "2",
}

func (s *shared) get(t *testing.T) *kafkacluster.Cluster {
	t.Helper()
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startLimit)
		defer cancel()
		began := time.Now()
		s.cluster, s.err = kafkacluster.Start(ctx, kafkacluster.Config{Brokers: s.brokers, Settings: eager})
		t.Logf("%d brokers started in %v", s.brokers, time.Since(began).Round(time.Millisecond))
	})
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.cluster
}

// sideBySide is how many tests run at a time: they wait for brokers more than they
// compute.
const sideBySide = "6"

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", sideBySide); err != nil {
		panic(err)
	}
	code := m.Run()
	for _, s := range []*shared{&one, &three} {
		if s.cluster == nil {
			continue
		}
		if err := s.cluster.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
