package participant

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

func (s *surroundings) sell(records ...kafka.Record) {
	s.t.Helper()
	p, err := kafka.NewProducer(s.client(), kafka.ProducerConfig{TransactionalID: "ticket"})
	if err != nil {
		s.t.Fatal(err)
	}
	check(s.t, p.Init(s.t.Context()))
	txn, err := p.Begin()
	if err != nil {
		s.t.Fatal(err)
	}
	check(s.t, txn.Produce(s.t.Context(), records...))
	check(s.t, txn.Commit(s.t.Context()))
}

// published reads the whole topic: the number of records of each key.
func (s *surroundings) published(topic string) map[string]int {
	s.t.Helper()
	counts := make(map[string]int)
	err := s.client().Scan(context.WithoutCancel(s.t.Context()), kafka.ReadCommitted, []string{topic}, func(r kafka.Record) error {
		counts[string(r.Key)]++
		return nil
	})
	check(s.t, err)
	return counts
}

func wantExit(t *testing.T, err error, code int, texts ...string) {
	t.Helper()
	if run.ExitCode(err) != code {
		t.Fatalf("got exit code %d for %v, want %d", run.ExitCode(err), err, code)
	}
	contains(t, err.Error(), texts...)
}

func TestRun_ReadsReactsAndPublishes(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.startBrokers()
	p := s.start(testSpec(nil))
	p.waitReady()
	s.sell(s.ticketRecord("concert", 12), s.ticketRecord("opera", 30), s.ticketRecord("concert", 8))
	p.add("opera", 5)
	eventually(t, "all is published", func() bool {
		counts := s.published("tallies")
		return counts["concert"] >= 1 && counts["opera"] >= 2
	})
	_, history := call(t, "GET", p.api+"/tallies/opera/history", "")
	contains(t, history, `"type":"Added"`, `"correlation_id":"corr"`, `"causation_id":"ticket/opera/3"`, `"Amount":5`)
	code, body := call(t, "GET", p.api+"/tallies/nobody/history", "")
	if code != http.StatusNotFound {
		t.Errorf("got %d %s for a stream without history", code, body)
	}
	eventually(t, "all is ready", func() bool {
		code, body := p.readiness()
		return code == http.StatusOK && strings.Contains(body, `"status":"ready"`)
	})
	check(t, p.stop())
}

func TestRun_WrongSettingsHaveAnExitCodeOfTheirOwn(t *testing.T) {
	t.Parallel()
	err := Run(t.Context(), Settings{LogLevel: "loud"}, Deps{}, testSpec(nil))
	wantExit(t, err, run.ExitConfig, "settings:", "DATABASE_URL", "KAFKA_BROKERS", "SCHEMA_REGISTRY_URL", "loud")
	for _, change := range map[string]func(*Settings, string){
		"no such folder": func(s *Settings, dir string) { s.DatabaseURL = "sqlite://" + dir + "/none/tally.db" },
		"in use": func(s *Settings, dir string) {
			other, err := sqlite.Open(t.Context(), sqlite.Config{Path: dir + "/used.db"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { check(t, other.Close()) })
			s.DatabaseURL = "sqlite://" + dir + "/used.db"
		},
	} {
		s := newSurroundings(t)
		change(&s.settings, t.TempDir())
		wantExit(t, s.start(testSpec(nil)).wait(), run.ExitConfig, "DATABASE_URL")
	}
}

func TestRun_AnIncompatibleSchemaStopsItAtStart(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.registry.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, `{"error_code":409,"message":"total was an int"}`)
	})
	wantExit(t, s.start(testSpec(nil)).wait(), run.ExitConfig, "register tallies-value", "total was an int")
}

func TestRun_ADatabaseThatCannotBeOpenedIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.startBrokers()
	blocked := filepath.Join(t.TempDir(), "tally.db")
	check(t, os.Mkdir(blocked, 0o700)) // a folder where the file belongs
	s.settings.DatabaseURL = "sqlite://" + blocked
	stopped := s.start(testSpec(nil))
	waitsFor(t, stopped, "waiting for the database")
	check(t, stopped.stop())

	p := s.start(testSpec(nil))
	waitsFor(t, p, "waiting for the database")
	check(t, os.Remove(blocked))
	p.waitReady()
	p.add("x", 1)
}

// waitsFor sees a service that is alive, is not ready, and says why.
func waitsFor(t *testing.T, p *process, reason string) {
	t.Helper()
	eventually(t, reason, func() bool {
		code, body := p.readiness()
		if code == http.StatusOK {
			t.Errorf("ready before requests are answered: %s", body)
		}
		return code == http.StatusServiceUnavailable && strings.Contains(body, reason)
	})
	if code, _ := call(t, "GET", p.ops+"/livez", ""); code != http.StatusOK {
		t.Error("not alive while it waits")
	}
}

func TestRun_WaitsForARegistryThatIsAway(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.startBrokers()
	s.registryAway.Store(true)
	stopped := s.start(testSpec(nil))
	waitsFor(t, stopped, "waiting for the schema registry")
	check(t, stopped.stop())

	var builds atomic.Int32
	p := s.start(testSpec(&builds))
	waitsFor(t, p, "waiting for the schema registry")
	s.registryAway.Store(false)
	p.waitReady()
	s.registryAway.Store(true) // ids are known by now
	p.add("x", 1)
	eventually(t, "it is published", func() bool { return s.published("tallies")["x"] == 1 })
}

// freePort is a port that nobody listens on, for a broker that comes later.
func freePort(t *testing.T) int {
	t.Helper()
	l := listen(t)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	check(t, err)
	n, err := strconv.Atoi(port)
	check(t, err)
	return n
}

func TestRun_AnswersWithoutABrokerAndPublishesOnceItComes(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	port := freePort(t)
	s.settings.KafkaBrokers = []string{fmt.Sprintf("127.0.0.1:%d", port)}
	p := s.start(testSpec(nil))
	p.waitReady()
	for i := range 5 {
		p.add(fmt.Sprint("x", i), 1)
	}
	code, body := p.readiness()
	if code != http.StatusOK {
		t.Errorf("got %d: the API answers, so the service is ready", code)
	}
	contains(t, body, `"status":"degraded"`, "topics not verified yet")
	_, overview := call(t, "GET", p.ops+"/inspect", "")
	contains(t, overview, `"waiting":5`)

	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	s.applyTopics(compacted("tickets")) // the rest is still missing: that is waited for, too
	s.applyTopics(compacted("tallies"), compacted("tally-positions"))
	eventually(t, "all is published", func() bool { return len(s.published("tallies")) == 5 })
	check(t, p.stop()) // before the cluster goes
}

// While the broker is away, inbox and relay wait for each other to verify the
// topics; neither may keep the other, which is stopped later, from its end.
func TestRun_StopsWhileTheBrokerIsAway(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	for range 6 { // whichever of the two asks first
		p := s.start(testSpec(nil))
		p.waitReady()
		begun := time.Now()
		check(t, p.stop())
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("the stop took %v", took)
		}
	}
}

func TestBroker_WhoWaitsForItsTurnLeavesWhenItIsStopped(t *testing.T) {
	t.Parallel()
	b := &broker{verified: make(chan struct{}), asking: make(chan struct{}, 1)}
	b.asking <- struct{}{} // the relay asks, and goes on asking
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	go func() { left <- b.ready(ctx) }()
	cancel()
	select {
	case err := <-left:
		check(t, err)
	case <-time.After(patience):
		t.Fatal("it waits on")
	}
}

func TestRun_TopicsOtherThanDeclaredStopIt(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]kafka.TopicSpec{
		"partitions": {Name: "tallies", Partitions: 3, Configs: map[string]string{"cleanup.policy": "compact"}},
		"clean-up":   {Name: "tickets", Partitions: 2, Configs: map[string]string{"cleanup.policy": "delete"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSurroundings(t)
			cluster := kafkatest.StartCluster(t)
			s.settings.KafkaBrokers = cluster.Brokers
			specs := []kafka.TopicSpec{wrong, compacted("tally-positions")}
			for _, topic := range []string{"tallies", "tickets"} {
				if topic != wrong.Name {
					specs = append(specs, compacted(topic))
				}
			}
			s.applyTopics(specs...)
			wantExit(t, s.start(testSpec(nil)).wait(), run.ExitConfig, "topics are not as declared", wrong.Name)
			if n := len(kafkatest.Requests[*kmsg.ProduceRequest](cluster.Proxy)) + len(kafkatest.Requests[*kmsg.FetchRequest](cluster.Proxy)); n != 0 {
				t.Errorf("it read or wrote %d times before", n)
			}
		})
	}
}

// Hazard 10: a topic that was made again contradicts the stored position.
func TestRun_AContradictionHasAnExitCodeOfItsOwn(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	cluster := s.startBrokers()
	p := s.start(testSpec(nil))
	p.waitReady()
	s.sell(s.ticketRecord("concert", 12))
	eventually(t, "it is handled", func() bool { return s.published("tallies")["concert"] == 1 })
	check(t, p.stop())
	check(t, cluster.Fake.DeleteTopic("tickets"))
	s.applyTopics(compacted("tickets"))
	wantExit(t, s.start(testSpec(nil)).wait(), run.ExitInconsistent, "inbox", "made again")
}

// The API drains first: what it accepted is durable, and the relay, which goes
// last, may still publish it.
func TestRun_FinishesRequestsWhenItStops(t *testing.T) {
	t.Parallel()
	s := newSurroundings(t)
	s.startBrokers()
	spec := testSpec(nil)
	begun, release := make(chan struct{}), make(chan struct{})
	build := spec.Build
	spec.Build = func(ctx context.Context, p *Platform) (Parts, error) {
		parts, err := build(ctx, p)
		routes := parts.Routes
		parts.Routes = func(api huma.API) {
			routes(api)
			slow(api, begun, release)
		}
		return parts, err
	}
	p := s.start(spec)
	p.waitReady()
	var caller sync.WaitGroup
	caller.Go(func() {
		if code, body := call(t, "GET", p.api+"/slow", ""); code != http.StatusNoContent {
			t.Errorf("got %d %s", code, body)
		}
	})
	<-begun
	p.cancel()
	eventually(t, "no new request is taken", func() bool {
		code, _ := call(t, "POST", p.api+"/tallies/late", `{"amount":1}`)
		return code == 0
	})
	select {
	case <-p.ended:
		t.Error("ended beside a request")
	default:
	}
	if code, _ := call(t, "GET", p.ops+"/livez", ""); code != http.StatusOK {
		t.Error("the operations server stopped before the service")
	}
	close(release)
	caller.Wait()
	check(t, p.wait())
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: strings.TrimPrefix(s.settings.DatabaseURL, "sqlite://")})
	if err != nil {
		t.Fatalf("the database was left open: %v", err)
	}
	check(t, store.Close())
}

// slow registers a request that takes until it is released.
func slow(api huma.API, begun chan<- struct{}, release <-chan struct{}) {
	huma.Get(api, "/slow", func(context.Context, *struct{}) (*struct{}, error) {
		close(begun)
		<-release
		return nil, nil
	})
}
