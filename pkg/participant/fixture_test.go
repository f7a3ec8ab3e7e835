package participant

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/sr/srfake"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/intent"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait: it is only reached by a failure.
const patience = time.Minute

const (
	tallySchema = `{"type":"record","name":"Tally","namespace":"test","fields":[{"name":"id","type":"string"},{"name":"total","type":"long"}]}`
	ticketV1    = `{"type":"record","name":"Ticket","namespace":"test","fields":[{"name":"price","type":"long"}]}`
	// ticketV2 is what a newer writer writes.
	ticketV2        = `{"type":"record","name":"Ticket","namespace":"test","fields":[{"name":"price","type":"long"},{"name":"note","type":"string","default":""}]}`
	positionsSchema = `{"type":"record","name":"Position","namespace":"test","fields":[
		{"name":"relay","type":"string"},{"name":"store_epoch","type":"string"},{"name":"batch","type":"long"},
		{"name":"rows","type":{"type":"array","items":{"type":"record","name":"Row","fields":[
			{"name":"kind","type":"string"},{"name":"id","type":"string"},{"name":"version","type":"long"}]}}},
		{"name":"digest","type":"string"},{"name":"published_at","type":{"type":"long","logicalType":"timestamp-micros"}}]}`
)

// The service of these tests keeps a tally: of tickets that it reads from a topic,
// and of what clients add. Each tally is published.
type (
	tally  struct{ Total, Settled int64 }
	ticket struct{ Price int64 }
	added  struct{ Amount int64 }
	seen   struct{ Offset int64 }
	root   = aggregate.Root[tally, seen, added]
)

// topics as declared, with few partitions.
func compacted(name string) kafka.TopicSpec {
	return kafka.TopicSpec{Name: name, Partitions: 2, Configs: map[string]string{"cleanup.policy": "compact"}}
}

func testSpec(reached *atomic.Int32) Spec {
	return Spec{
		Name: "tally", Title: "Tally", Version: "1.0.0",
		Owns: []kafka.TopicSpec{compacted("tallies")}, Reads: []kafka.TopicSpec{compacted("tickets")}, Positions: compacted("tally-positions"),
		PositionSubject: "tally-positions-value", PositionSchema: positionsSchema,
		Build: func(ctx context.Context, p *Platform) (Parts, error) {
			if reached != nil {
				reached.Add(1)
			}
			return buildTally(ctx, p)
		},
	}
}

func buildTally(ctx context.Context, p *Platform) (Parts, error) {
	writer, err := NewWriter(ctx, p.Registry, "tallies", "tallies-value", tallySchema, aggregate.Envelope{Source: "/services/tally", TypePrefix: "test."})
	if err != nil {
		return Parts{}, err
	}
	readers := Readers{}
	if err := Read(readers, p.Registry, "tickets", ticketV1, "", ticketFrom); err != nil {
		return Parts{}, err
	}
	t := &tallies{platform: p, definition: &aggregate.Definition[tally, seen, added]{
		Kind:   "tally",
		Evolve: func(s tally, e added) tally { return tally{s.Total + e.Amount, s.Settled} },
		Encode: func(e added) (string, int, []byte, error) { data, err := json.Marshal(e); return "Added", 1, data, err },
		Decode: func(_ string, _ int, data []byte) (e added, err error) { err = json.Unmarshal(data, &e); return e, err },
		Publish: func(t aggregate.Transition[tally]) (*eventstore.Record, error) {
			return writer.Record(t.Stream, t.Version, t.EventType, t.Meta, map[string]any{"id": t.Stream.ID, "total": t.After.Total})
		},
		Show: func(t aggregate.Transition[tally]) any { return t.After.Total },
	}}
	return Parts{
		Decode: readers.Decode, Handler: t, Routes: t.routes, Inspect: []aggregate.Inspector{t.definition},
		Intents: map[string]intent.Kind{"settle": {Execute: t.settle}},
	}, nil
}

func ticketFrom(native map[string]any) (ticket, error) {
	price, _ := native["price"].(int64)
	if price < 0 {
		return ticket{}, errors.New("a ticket cannot cost less than nothing")
	}
	return ticket{price}, nil
}

type tallies struct {
	platform   *Platform
	definition *aggregate.Definition[tally, seen, added]
}

func (t *tallies) Handle(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []inbox.Record) error {
	s := aggregate.Join(tx, unit)
	ids := make([]string, len(records))
	for i, r := range records {
		ids[i] = string(r.Key)
	}
	roots, err := t.definition.Load(ctx, s, ids...)
	if err != nil {
		return err
	}
	for i, r := range records {
		meta, span := Cause(ctx, t.platform.Tracer, r, time.Now())
		roots[i].Observe(seen{r.Offset})
		price, _ := r.Decoded.(ticket)
		err := roots[i].Apply(meta, added{price.Price})
		span.End()
		if err != nil {
			return err
		}
	}
	return s.Flush()
}

// settle never succeeds for intents of the kind that tests leave for operators.
func (t *tallies) settle(context.Context, eventstore.Intent) error {
	return intent.Permanent(errors.New("nobody settles this"))
}

type addRequest struct {
	ID   string `path:"id"`
	Body struct {
		Amount int64 `json:"amount"`
		Settle bool  `json:"settle,omitempty"`
	}
}

type tallyResponse struct{ Body tally }

func (t *tallies) routes(api huma.API) {
	huma.Post(api, "/tallies/{id}", func(ctx context.Context, in *addRequest) (*tallyResponse, error) {
		out := &tallyResponse{}
		err := aggregate.Run(ctx, t.platform.Commands, t.definition, in.ID, func(s *aggregate.Session, r *root) error {
			if in.Body.Settle {
				s.Unit.Intents = append(s.Unit.Intents, eventstore.Intent{Key: in.ID + "/settle", Kind: "settle", Stream: t.definition.StreamID(in.ID)})
			}
			err := r.Apply(RequestCause(ctx, time.Now()), added{in.Body.Amount})
			out.Body = r.State
			return err
		})
		return out, err
	})
	huma.Get(api, "/tallies/{id}/history", func(ctx context.Context, in *HistoryRequest) (*HistoryResponse, error) {
		return History(ctx, t.platform.Store, t.definition.StreamID(in.ID), in)
	})
}

// surroundings are what a participant needs: a registry and a place for its data.
// Brokers are started by each test in its own way.
type surroundings struct {
	t            *testing.T
	registry     *httptest.Server
	registryAway atomic.Bool
	answering    atomic.Pointer[http.Handler] // what answers while it is not away
	settings     Settings
}

func newSurroundings(t *testing.T) *surroundings {
	t.Helper()
	s := &surroundings{t: t}
	s.setRegistry(srfake.NewRegistry().Handler())
	s.registry = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.registryAway.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		(*s.answering.Load()).ServeHTTP(w, r)
	}))
	t.Cleanup(s.registry.Close)
	s.settings = Settings{
		DatabaseURL: "sqlite://" + filepath.Join(t.TempDir(), "tally.db"), RegistryURL: s.registry.URL,
		KafkaBrokers: []string{"127.0.0.1:1"}, LogLevel: "error",
	}
	return s
}

func (s *surroundings) setRegistry(h http.Handler) { s.answering.Store(&h) }

// startBrokers runs a cluster with the topics of the service.
func (s *surroundings) startBrokers(opts ...kfake.Opt) *kafkatest.Cluster {
	s.t.Helper()
	cluster := kafkatest.StartCluster(s.t, opts...)
	s.settings.KafkaBrokers = cluster.Brokers
	s.applyTopics(compacted("tallies"), compacted("tickets"), compacted("tally-positions"))
	return cluster
}

func (s *surroundings) client() *kafka.Client {
	s.t.Helper()
	c, err := kafka.NewClient(kafka.Config{Brokers: s.settings.KafkaBrokers})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	return c
}

func (s *surroundings) applyTopics(specs ...kafka.TopicSpec) {
	s.t.Helper()
	if _, err := s.client().ApplyTopics(s.t.Context(), specs...); err != nil {
		s.t.Fatal(err)
	}
}

// process is a participant that runs.
type process struct {
	t        *testing.T
	api, ops string
	ready    chan struct{}
	ended    chan error
	cancel   context.CancelFunc
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (s *surroundings) start(spec Spec) *process {
	s.t.Helper()
	api, ops := listen(s.t), listen(s.t)
	ctx, cancel := context.WithCancel(s.t.Context())
	p := &process{
		t: s.t, api: "http://" + api.Addr().String(), ops: "http://" + ops.Addr().String(),
		ready: make(chan struct{}), ended: make(chan error, 1), cancel: cancel,
	}
	settings := s.settings // a test changes them for the next process
	go func() {
		defer close(p.ended)
		p.ended <- Run(ctx, settings, Deps{Logger: zap.NewNop(), API: api, Ops: ops, Ready: func() { close(p.ready) }}, spec)
		api.Close() // where it was never served
		ops.Close()
	}()
	s.t.Cleanup(func() { _ = p.stop() }) // the test has looked at what it wanted to
	return p
}

// wait returns what Run returned.
func (p *process) wait() error {
	p.t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(patience):
		p.t.Fatal("the participant does not end")
		return nil
	}
}

func (p *process) stop() error {
	p.t.Helper()
	p.cancel()
	return p.wait()
}

func (p *process) waitReady() {
	p.t.Helper()
	select {
	case <-p.ready:
	case err := <-p.ended:
		p.t.Fatalf("ended before it was ready: %v", err)
	case <-time.After(patience):
		p.t.Fatal("not ready in time")
	}
}

// client of HTTP without connections that outlive a request.
var web = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}

// call returns the status and body of an answer; status 0 means that there is none.
func call(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, url, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := web.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	check(t, err)
	return resp.StatusCode, string(text)
}

func (p *process) add(id string, amount int64) {
	p.t.Helper()
	if code, body := call(p.t, "POST", p.api+"/tallies/"+id, fmt.Sprintf(`{"amount":%d}`, amount)); code != http.StatusOK {
		p.t.Fatalf("add: %d %s", code, body)
	}
}

// readiness is the status of /readyz, and its text.
func (p *process) readiness() (int, string) { return call(p.t, "GET", p.ops+"/readyz", "") }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		<-tick.C
	}
}

func contains(t *testing.T, got string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want it to contain %q", got, want)
		}
	}
}
