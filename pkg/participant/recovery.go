package participant

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
	"github.com/murmuration-dev/murmuration/pkg/restore"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// ErrServiceRuns says that a process of the service holds its lease.
var ErrServiceRuns = errors.New("a process of the service is running: stop all of them first")

const (
	// leaseWatch is how long a lease must stand still for the service to be taken
	// as stopped: a relay renews its own several times in it.
	leaseWatch = 2 * time.Second
	leaseLook  = 200 * time.Millisecond
	// brokerPatience is how long a broker may take to answer at all: a person waits.
	brokerPatience = 5 * time.Second
)

// Recovery is a service that was opened for an operator, who brings its database
// and its topics together again, instead of being run. It is for one goroutine.
type Recovery struct {
	service  *service
	store    eventstore.Store
	registry *registrar
	client   *kafka.Client
	kinds    []restore.Kind
	relay    *outbox.Relay
	log      *outbox.KafkaLog
	codec    *positions
}

// Finding is what Recovery.Look found.
type Finding struct {
	Service string                `json:"service"`
	Store   eventstore.RelayState `json:"store"`
	Log     outbox.Position       `json:"log"`
	Differs *restore.Comparison   `json:"differs"`
	// Contradiction is why the service does not start; empty where it does.
	Contradiction string `json:"contradiction,omitempty"`
}

// OpenRecovery opens a service for recovery: everything that it needs but its
// addresses must be in settings. Its database must not be in use where its driver
// allows one process only. What cannot be reached is an error; see run.ExitCode.
// Close must be called.
func OpenRecovery(ctx context.Context, settings Settings, spec Spec, logger *zap.Logger) (_ *Recovery, err error) {
	settings.Listen, settings.OpsListen = "", ""
	if err := settings.Validate(); err != nil {
		return nil, run.ConfigError(fmt.Errorf("settings: %w", err))
	}
	s := &service{spec: spec, settings: settings, deps: Deps{Logger: logger}, instance: settings.instance(spec.Name)}
	if err := s.observe(ctx); err != nil {
		return nil, err
	}
	r := &Recovery{service: s}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	if r.store, err = openStore(ctx, settings.DatabaseURL, spec.Migrations, settings.migrates()); err != nil {
		return nil, passing(s.databaseFault("DATABASE_URL", err))
	}
	s.platform.Store = r.store
	if r.registry, err = s.registry(); err != nil {
		return nil, err
	}
	s.platform.Registry = r.registry
	parts, err := spec.Build(ctx, s.platform)
	if err == nil {
		r.kinds = parts.Restore
		r.codec, err = newPositions(ctx, r.registry, spec.PositionSubject, spec.PositionSchema)
	}
	if err != nil {
		return nil, passing(fmt.Errorf("resolve schemas: %w", s.registryFault(err)))
	}
	if err := r.connect(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// passing gives what may pass the code for that.
func passing(err error) error {
	if run.ExitCode(err) == run.ExitFailure {
		return run.TempFailError(err)
	}
	return err
}

func (r *Recovery) connect(ctx context.Context) (err error) {
	s := r.service
	if r.client, err = s.client("recovery"); err != nil {
		return err
	}
	ping, cancel := context.WithTimeout(ctx, brokerPatience)
	defer cancel()
	if err := r.client.Ping(ping); err != nil {
		return run.TempFailError(fmt.Errorf("KAFKA_BROKERS: %w", err))
	}
	if r.log, err = outbox.NewKafkaLog(r.client, kafka.ProducerConfig{TransactionalID: s.spec.Name}); err != nil {
		return err
	}
	r.relay, err = s.relay(r.log, r.codec, nil)
	return err
}

// Close releases everything.
func (r *Recovery) Close() error {
	if r.client != nil {
		r.client.Close()
	}
	if r.registry != nil {
		r.registry.Close()
	}
	if r.store != nil {
		return r.store.Close()
	}
	return nil
}

// Look compares database and log, and changes nothing.
func (r *Recovery) Look(ctx context.Context) (*Finding, error) {
	spec := r.service.spec
	f := &Finding{Service: spec.Name}
	var err error
	if f.Store, err = r.store.RelayState(ctx, spec.Name); err != nil {
		return nil, err
	}
	entry, found, err := r.log.Last(ctx, spec.Positions.Name, spec.Name, 0)
	if err != nil {
		return nil, run.TempFailError(err)
	}
	if found {
		if f.Log, err = r.codec.decode(ctx, entry.Value); err != nil {
			return nil, err
		}
	}
	id, err := r.log.TopicID(ctx, spec.Positions.Name)
	if err != nil {
		return nil, run.TempFailError(err)
	}
	if err := outbox.Compare(spec.Name, f.Store, f.Log, found); err != nil {
		f.Contradiction = err.Error()
	} else if f.Store.PositionTopicID != "" && f.Store.PositionTopicID != id {
		f.Contradiction = (&outbox.TopicRecreatedError{Relay: spec.Name, Topic: spec.Positions.Name, Expected: f.Store.PositionTopicID, Found: id}).Error()
	}
	f.Differs, err = restore.Compare(ctx, r.store, r.client, r.kinds)
	return f, err
}

// Adopt gives the database what the log has, and makes the log accept it. It can
// be repeated after any failure. Error: ErrServiceRuns.
func (r *Recovery) Adopt(ctx context.Context) (out restore.Outcome, err error) {
	return r.change(ctx, func(ctx context.Context) (restore.Outcome, error) {
		return restore.Adopt(ctx, r.store, r.client, r.kinds, r.service.spec.Name)
	})
}

// Republish puts the latest state of every key into the outbox again, and makes
// the log accept the database. It fails with a *restore.AheadError where the log has
// more. Error: ErrServiceRuns.
func (r *Recovery) Republish(ctx context.Context) (restore.Outcome, error) {
	return r.change(ctx, func(ctx context.Context) (restore.Outcome, error) {
		return restore.Republish(ctx, r.store, r.client, r.kinds)
	})
}

// Misplaced finds the inbox positions that cannot be true of the topics as they
// are: those of topics that were made again, or lost what had been read.
func (r *Recovery) Misplaced(ctx context.Context) ([]inbox.PositionError, error) {
	stored, err := r.store.Positions(ctx)
	if err != nil || len(stored) == 0 {
		return nil, err
	}
	names := make([]string, len(stored))
	partitions := make([]kafka.TopicPartition, len(stored))
	for i, p := range stored {
		names[i], partitions[i] = p.Topic, kafka.TopicPartition{Topic: p.Topic, Partition: p.Partition}
	}
	slices.Sort(names)
	topics, err := r.client.DescribeTopics(ctx, slices.Compact(names)...)
	if err != nil {
		return nil, run.TempFailError(err)
	}
	starts, err := r.client.StartOffsets(ctx, partitions...)
	if err != nil {
		return nil, run.TempFailError(err)
	}
	ends, err := r.client.EndOffsets(ctx, kafka.ReadUncommitted, partitions...)
	if err != nil {
		return nil, run.TempFailError(err)
	}
	var wrong []inbox.PositionError
	for i, p := range stored {
		fault := inbox.PositionError{Topic: p.Topic, Partition: p.Partition, Position: p.Next}
		switch start, end := starts[partitions[i]], ends[partitions[i]]; {
		case topics[p.Topic].ID.String() != p.TopicID:
			fault.Reason = "the topic was deleted and made again"
		case p.Next < start || p.Next > end:
			fault.Reason = fmt.Sprintf("the log reaches from %d to %d", start, end)
		default:
			continue
		}
		wrong = append(wrong, fault)
	}
	return wrong, nil
}

// Reread makes the service read the partitions of these positions from their
// beginning: it reacts to states, so what it knows already changes nothing.
// Error: ErrServiceRuns.
func (r *Recovery) Reread(ctx context.Context, wrong []inbox.PositionError) error {
	if err := r.stopped(ctx); err != nil {
		return err
	}
	forgetter, ok := r.store.(eventstore.PositionForgetter)
	if !ok {
		return errors.New("the driver cannot forget positions")
	}
	for _, p := range wrong {
		if err := forgetter.ForgetPosition(ctx, p.Topic, p.Partition); err != nil {
			return err
		}
	}
	return nil
}

func (r *Recovery) change(ctx context.Context, work func(context.Context) (restore.Outcome, error)) (out restore.Outcome, err error) {
	if err := r.stopped(ctx); err != nil {
		return out, err
	}
	err = r.relay.AdoptAfter(ctx, func(ctx context.Context) error {
		out, err = work(ctx)
		return err
	})
	return out, err
}

// stopped looks whether somebody renews the lease.
func (r *Recovery) stopped(ctx context.Context) error {
	first, err := r.store.Lease(ctx, r.service.spec.Name)
	if err != nil || first.Owner == "" {
		return err
	}
	tick := time.NewTicker(leaseLook)
	defer tick.Stop()
	for end := time.Now().Add(leaseWatch); time.Now().Before(end); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		now, err := r.store.Lease(ctx, r.service.spec.Name)
		if err != nil {
			return err
		}
		if now != first {
			return fmt.Errorf("%w (%s)", ErrServiceRuns, now.Owner)
		}
	}
	return nil
}
