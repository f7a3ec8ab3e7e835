package inbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// Handler turns records into effects on a unit of work. It runs inside a
// database transaction: no network calls. It is called again with the same
// records after a conflict or a transient failure, and with fewer after one of
// them was parked; it must have no effects but those on tx and unit.
//
// A *RecordError with a Permanent cause parks that record, and so does one whose
// effects make a record that is too large to be published. Any other error, and a
// panic, is taken to be transient.
type Handler interface {
	Handle(ctx context.Context, tx eventstore.Tx, unit *eventstore.Unit, records []Record) error
}

// Record is a consumed record with what its decoder made of it.
type Record struct {
	kafka.Record
	// Decoded is what Decoder returned.
	Decoded any
}

// Decoder reads the value of a record, before the transaction begins: it may ask
// a registry. A Permanent error parks the record, any other is retried.
type Decoder func(ctx context.Context, r kafka.Record) (any, error)

// Config are the settings of an inbox. Zero values take the defaults.
type Config struct {
	// Group is the consumer group, by which lag tools know this inbox.
	Group string
	// Topics are read from their beginning at first.
	Topics []string
	// BatchRecords bounds the records of one commit. Default 500: enough to
	// share the cost of a durable commit, little enough to hold locks briefly.
	BatchRecords int
	// BatchBytes bounds the values of one commit; one record is always taken.
	// Default 128 KiB: a record with hundreds of lines touches hundreds of
	// streams, and a unit of thousands would hold its locks for long.
	BatchBytes int
	// RetryInitial and RetryMax bound the wait after a transient failure; it
	// doubles in between. Defaults 50 ms and 5 s.
	RetryInitial, RetryMax time.Duration
	// Doubt is how long a log must be said to end before a stored position until
	// that is believed, and stops the inbox. Default 1 min: a broker that was the
	// leader and does not know of the next one yet says the same, for as long as
	// it is frozen or cut off from the others.
	Doubt time.Duration
}

const (
	defaultBatchRecords = 500
	defaultBatchBytes   = 128 << 10
	defaultRetryInitial = 50 * time.Millisecond
	defaultRetryMax     = 5 * time.Second
	defaultDoubt        = time.Minute
)

// Store is what an inbox needs of the database.
type Store interface {
	eventstore.Writer
	Position(ctx context.Context, topic string, partition int32) (eventstore.Position, bool, error)
	Parked(ctx context.Context, after eventstore.ParkedKey, limit int) ([]eventstore.Parked, error)
}

// Deps are an inbox's collaborators.
type Deps struct {
	Store Store
	// Client leads to Kafka. It is the inbox's own: fetches wait on it.
	Client *kafka.Client
	// Broker is used instead of Client where it is set: a simulated one, say.
	Broker  Broker
	Decode  Decoder
	Handler Handler
	Logger  *zap.Logger
	// Metrics may be nil.
	Metrics prometheus.Registerer
	// Now is the clock for reports; nil means time.Now.
	Now func() time.Time
}

// Inbox consumes topics into a database. Make it with New.
type Inbox struct {
	cfg     Config
	deps    Deps
	metrics *metrics
	barrier *barrier
	group   kafka.GroupConfig

	mu     sync.Mutex
	status Status
	// doubts are the positions that a leader called beyond its log, since when.
	doubts map[doubt]time.Time
}

type doubt struct {
	kafka.TopicPartition
	position int64
}

// Status is a snapshot for readiness and people.
type Status struct {
	// Assigned is the number of partitions that this process reads now.
	Assigned int
	// Failing is the last error, nil once reading and committing work again.
	Failing error
}

// New checks the settings and returns an inbox that is ready to Run.
func New(cfg Config, deps Deps) (*Inbox, error) {
	var faults []error
	if cfg.Group == "" {
		faults = append(faults, errors.New("group is empty: name the consumer group"))
	}
	if len(cfg.Topics) == 0 {
		faults = append(faults, errors.New("no topics: name at least one"))
	}
	if cfg.BatchRecords < 0 {
		faults = append(faults, fmt.Errorf("batch records is %d: use a positive number", cfg.BatchRecords))
	}
	if cfg.BatchBytes < 0 {
		faults = append(faults, fmt.Errorf("batch bytes is %d: use a positive number", cfg.BatchBytes))
	}
	if cfg.RetryInitial < 0 || cfg.RetryMax < 0 {
		faults = append(faults, fmt.Errorf("retry waits are %v to %v: use positive durations", cfg.RetryInitial, cfg.RetryMax))
	}
	if cfg.Doubt < 0 {
		faults = append(faults, fmt.Errorf("doubt is %v: use a positive duration", cfg.Doubt))
	}
	if deps.Store == nil || deps.Client == nil && deps.Broker == nil || deps.Decode == nil || deps.Handler == nil {
		faults = append(faults, errors.New("store, client, decode and handler are all required"))
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("inbox: %w", errors.Join(faults...))
	}
	cfg.BatchRecords = cmp.Or(cfg.BatchRecords, defaultBatchRecords)
	cfg.BatchBytes = cmp.Or(cfg.BatchBytes, defaultBatchBytes)
	cfg.RetryInitial = cmp.Or(cfg.RetryInitial, defaultRetryInitial)
	cfg.RetryMax = cmp.Or(cfg.RetryMax, defaultRetryMax)
	cfg.Doubt = cmp.Or(cfg.Doubt, defaultDoubt)
	if deps.Broker == nil {
		deps.Broker = OnKafka(deps.Client)
	}
	if deps.Logger == nil {
		deps.Logger = zap.NewNop()
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	in := &Inbox{cfg: cfg, deps: deps, metrics: newMetrics(deps.Metrics), barrier: newBarrier(deps.Broker, deps.Store, cfg.Topics)}
	// What keeps this process from reading must show, also before it has partitions.
	in.group = kafka.GroupConfig{ID: cfg.Group, Topics: cfg.Topics, OnError: in.failing}
	return in, nil
}

// Status tells what the inbox is doing. Safe for concurrent use.
func (in *Inbox) Status() Status {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.status
}

// CaughtUp returns nil once this service, all its replicas together, has handled
// everything that was committed to the topics at some moment after since. It
// asks the broker, and waits; it fails only with ctx. Deadlines call it, so that
// after an outage the backlog is read before anything expires.
func (in *Inbox) CaughtUp(ctx context.Context, since time.Time) error {
	return in.barrier.passed(ctx, since)
}

// Run consumes until ctx ends and returns nil then, with the batch under way
// committed or rolled back. It returns a *PositionError when a position cannot
// be true, after which a person must decide.
func (in *Inbox) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	err := in.deps.Broker.RunGroup(ctx, in.group, func(ctx context.Context, s Share) error {
		err := in.consume(ctx, s)
		var impossible *PositionError
		if errors.As(err, &impossible) {
			stop(impossible)
		}
		return err
	})
	var impossible *PositionError
	if errors.As(context.Cause(ctx), &impossible) {
		return impossible
	}
	return err
}
