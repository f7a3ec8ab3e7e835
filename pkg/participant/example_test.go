package participant_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/participant"
)

const (
	wishSchema     = `{"type":"record","name":"Wish","fields":[{"name":"count","type":"long"}]}`
	positionSchema = `{"type":"record","name":"Position","fields":[
		{"name":"relay","type":"string"},{"name":"store_epoch","type":"string"},{"name":"batch","type":"long"},
		{"name":"rows","type":{"type":"array","items":{"type":"record","name":"Row","fields":[
			{"name":"kind","type":"string"},{"name":"id","type":"string"},{"name":"version","type":"long"}]}}},
		{"name":"digest","type":"string"},{"name":"published_at","type":{"type":"long","logicalType":"timestamp-micros"}}]}`
)

type (
	wishes  struct{ Count int64 }
	wished  struct{ What string }
	request struct {
		ID   string `path:"id"`
		Body struct {
			What string `json:"what"`
		}
	}
	response struct{ Body wishes }
)

// reader reacts to nothing: this service only writes.
type reader struct{}

func (reader) Handle(context.Context, eventstore.Tx, *eventstore.Unit, []inbox.Record) error {
	return nil
}

// build makes the parts of a service that keeps wishes.
func build(ctx context.Context, p *participant.Platform) (participant.Parts, error) {
	writer, err := participant.NewWriter(ctx, p.Registry, "wishes", "wishes-value", wishSchema,
		aggregate.Envelope{Source: "/services/wish", TypePrefix: "com.example.wish."})
	if err != nil {
		return participant.Parts{}, err
	}
	definition := &aggregate.Definition[wishes, struct{}, wished]{
		Kind:   "wish",
		Evolve: func(s wishes, _ wished) wishes { return wishes{s.Count + 1} },
		Encode: func(e wished) (string, int, []byte, error) {
			data, err := json.Marshal(e)
			return "Wished", 1, data, err
		},
		Decode: func(_ string, _ int, data []byte) (e wished, err error) {
			err = json.Unmarshal(data, &e)
			return e, err
		},
		Publish: func(t aggregate.Transition[wishes]) (*eventstore.Record, error) {
			return writer.Record(t.Stream, t.Version, t.EventType, t.Meta, map[string]any{"count": t.After.Count})
		},
		Show: func(t aggregate.Transition[wishes]) any { return t.After },
	}
	routes := func(api huma.API) {
		huma.Post(api, "/wishes/{id}", func(ctx context.Context, in *request) (*response, error) {
			out := &response{}
			err := aggregate.Run(ctx, p.Commands, definition, in.ID, func(_ *aggregate.Session, r *aggregate.Root[wishes, struct{}, wished]) error {
				err := r.Apply(participant.RequestCause(ctx, time.Now()), wished{in.Body.What})
				out.Body = r.State
				return err
			})
			return out, err
		})
	}
	return participant.Parts{
		Decode: participant.Readers{}.Decode, Handler: reader{}, Routes: routes, Inspect: []aggregate.Inspector{definition},
	}, nil
}

// A service states what it owns, what it reads and how it behaves; the rest is the
// participant's.
func Example() {
	compacted := func(name string) kafka.TopicSpec {
		return kafka.TopicSpec{Name: name, Partitions: 1, Configs: map[string]string{"cleanup.policy": "compact"}}
	}
	spec := participant.Spec{
		Name: "wish", Title: "Wishes", Version: "1.0.0",
		Owns: []kafka.TopicSpec{compacted("wishes")}, Reads: []kafka.TopicSpec{compacted("stars")}, Positions: compacted("wish-positions"),
		PositionSubject: "wish-positions-value", PositionSchema: positionSchema,
		Build: build,
	}
	settings, api, stopPlatform := examplePlatform(append(spec.Owns, spec.Reads[0], spec.Positions))
	defer stopPlatform()

	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error)
	go func() {
		ended <- participant.Run(ctx, settings, participant.Deps{API: api, Ready: func() { close(ready) }}, spec)
	}()
	<-ready
	answer, err := http.Post("http://"+api.Addr().String()+"/wishes/ada", "application/json", strings.NewReader(`{"what":"a horse"}`))
	if err != nil {
		log.Fatal(err)
	}
	var body struct{ Count int64 }
	err = json.NewDecoder(answer.Body).Decode(&body)
	fmt.Println(answer.Status, body.Count, err)
	answer.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	cancel()
	fmt.Println(<-ended)
	// Output:
	// 200 OK 1 <nil>
	// <nil>
}

// examplePlatform stands for brokers, a registry and settings of your own.
func examplePlatform(topics []kafka.TopicSpec) (participant.Settings, net.Listener, func()) {
	brokers, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		log.Fatal(err)
	}
	client, err := kafka.NewClient(kafka.Config{Brokers: brokers.ListenAddrs()})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.ApplyTopics(context.Background(), topics...); err != nil {
		log.Fatal(err)
	}
	client.Close()
	folder, err := os.MkdirTemp("", "wish")
	if err != nil {
		log.Fatal(err)
	}
	api, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	registry := httptest.NewServer(srfake.NewRegistry().Handler())
	settings := participant.Settings{
		OpsListen: "127.0.0.1:0", DatabaseURL: "sqlite://" + filepath.Join(folder, "wish.db"),
		KafkaBrokers: brokers.ListenAddrs(), RegistryURL: registry.URL, LogLevel: "error",
	}
	return settings, api, func() {
		registry.Close()
		brokers.Close()
		_ = os.RemoveAll(folder)
	}
}
