package participant

import (
	"context"
	"io/fs"
	"net"

	"github.com/danielgtaylor/huma/v2"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/avro"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/intent"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/restore"
	"github.com/murmuration-dev/murmuration/pkg/telemetry"
)

// Spec states what a service is.
type Spec struct {
	// Name is the service's: its consumer group, relay and transactional id.
	Name string
	// Title and Version are those of its API.
	Title, Version string
	// Owns are the topics that only this service writes, Reads those that it
	// consumes, Positions the one on which its relay keeps its position.
	Owns, Reads []kafka.TopicSpec
	Positions   kafka.TopicSpec
	// Migrations add read models to the database; may be nil.
	Migrations fs.FS
	// PositionSubject and PositionSchema are those of the Avro schema of position
	// records: relay, store_epoch, batch, rows of kind, id and version, and
	// published_at.
	PositionSubject, PositionSchema string
	// Build makes the service's parts, when database and registry could be reached,
	// and registers its schemas. It may be called again after an error, and calls
	// nothing else of the platform: Migrate has nothing else to give.
	Build func(ctx context.Context, p *Platform) (Parts, error)
}

// Registry is what a service needs of a schema registry; avro.Registry is one.
type Registry interface {
	avro.SchemaSource
	// Register makes a schema the latest version of a subject and returns its id.
	Register(ctx context.Context, subject, schema string) (id int, err error)
}

// Platform is what a service's parts may use.
type Platform struct {
	Store eventstore.Store
	// Commands runs commands on Store, many to a commit under load.
	Commands *aggregate.Commands
	Registry Registry
	Logger   *zap.Logger
	Metrics  *telemetry.Metrics
	Tracer   trace.Tracer
}

// Parts are how a service behaves.
type Parts struct {
	Decode  inbox.Decoder
	Handler inbox.Handler
	// Intents are the executors by kind; may be empty.
	Intents map[string]intent.Kind
	// Routes registers the operations of the public API.
	Routes func(huma.API)
	// Inspect are the kinds of aggregates that operators may look at.
	Inspect []aggregate.Inspector
	// Measures are numbers of the service's own that operators watch.
	Measures []Measure
	// Restore are the kinds that can be taken over from their records; see Recover.
	Restore []restore.Kind
}

// Deps are what a program that starts a participant may hand in. The zero value
// is fine.
type Deps struct {
	// Logger replaces the one that the settings describe.
	Logger *zap.Logger
	// API and Ops are open listeners to use instead of the settings' addresses.
	API, Ops net.Listener
	// Ready is called once, when the service answers requests.
	Ready func()
}
