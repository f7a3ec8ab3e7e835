package participant

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/intent"
	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// coordinatorLoading is the answer of a coordinator that cannot say yet.
const coordinatorLoading = 14

// settling lets tests see that intents are executed; none ever succeeds.
func settling(executed *atomic.Int32) Spec {
	spec := testSpec(nil)
	build := spec.Build
	spec.Build = func(ctx context.Context, p *Platform) (Parts, error) {
		parts, err := build(ctx, p)
		parts.Intents = map[string]intent.Kind{"settle": {Execute: func(context.Context, eventstore.Intent) error {
			executed.Add(1)
			return errors.New("not today")
		}}}
		return parts, err
	}
	return spec
}

// notYet keeps the relay from recovering, until it is removed.
func notYet(c *kafkatest.Cluster) *kafkatest.Injection {
	return c.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.InitProducerID), Code: coordinatorLoading, Times: kafkatest.Always})
}

// often is how many times a relay asks before all else that a start does is done.
const often = 20

func joins(c *kafkatest.Cluster) int { return len(kafkatest.Requests[*kmsg.JoinGroupRequest](c.Proxy)) }

func TestRun_ReadsAndCallsNobodyBeforeTheDatabaseWasCompared(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	cluster := s.startBrokers()
	s.sell(s.ticketRecord("concert", 12))
	var executed atomic.Int32
	asked := notYet(cluster)
	p := s.start(settling(&executed))
	p.waitReady()
	if code, body := call(t, "POST", p.api+"/tallies/x", `{"amount":1,"settle":true}`); code != http.StatusOK {
		t.Fatalf("got %d %s: requests are taken meanwhile", code, body)
	}
	eventually(t, "it says what it waits for", func() bool {
		_, body := p.readiness()
		return strings.Contains(body, "not compared with its topics yet") && asked.Hits() >= often
	})
	if joins(cluster) != 0 || executed.Load() != 0 {
		t.Errorf("it joined its group %d times and executed %d intents", joins(cluster), executed.Load())
	}
	asked.Remove()
	eventually(t, "it reads, reacts and calls", func() bool {
		return s.published("tallies")["concert"] == 1 && s.published("tallies")["x"] == 1 && executed.Load() > 0
	})
	check(t, p.stop())
}

// The database is that of yesterday, with an intent that is still to be executed
// and a position from which much is to be read again. Whatever the service did on
// its word would be wrong.
func TestRun_ADatabaseThatWasSetBackStopsItBeforeItReadsOrCalls(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	cluster := s.startBrokers()
	var before atomic.Int32
	p := s.start(settling(&before))
	p.waitReady()
	call(t, "POST", p.api+"/tallies/x", `{"amount":1,"settle":true}`)
	eventually(t, "the intent is under way", func() bool { return before.Load() > 0 && s.published("tallies")["x"] == 1 })
	check(t, p.stop())
	file := strings.TrimPrefix(s.settings.DatabaseURL, "sqlite://")
	yesterday, err := os.ReadFile(file)
	check(t, err)

	p = s.start(settling(&before))
	p.waitReady()
	s.sell(s.ticketRecord("concert", 12))
	eventually(t, "more is published", func() bool { return s.published("tallies")["concert"] == 1 })
	check(t, p.stop())
	check(t, os.WriteFile(file, yesterday, 0o600))
	for _, journal := range []string{"-wal", "-shm"} {
		_ = os.Remove(file + journal) // a clean stop leaves none
	}

	joined := joins(cluster)
	var executed atomic.Int32
	asked := notYet(cluster)
	p = s.start(settling(&executed))
	p.waitReady()
	eventually(t, "the relay asks", func() bool { return asked.Hits() >= often })
	asked.Remove()
	wantExit(t, p.wait(), run.ExitInconsistent, "database is older than its topics")
	if joins(cluster) != joined || executed.Load() != 0 {
		t.Errorf("it joined its group %d times and executed %d intents", joins(cluster)-joined, executed.Load())
	}
}
