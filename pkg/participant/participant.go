package participant

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/httpserver"
	"github.com/murmuration-dev/murmuration/pkg/run"
	"github.com/murmuration-dev/murmuration/pkg/telemetry"
)

const (
	// retryEvery is how soon something that could not be reached is tried again
	// at start: short for people who wait, long enough not to flood it.
	retryEvery = 500 * time.Millisecond
	// logEvery bounds the lines about one thing that goes on failing.
	logEvery = 30 * time.Second
	// flushTimeout bounds the last export of traces.
	flushTimeout = 2 * time.Second
)

// service is a participant under way.
type service struct {
	spec     Spec
	settings Settings
	deps     Deps
	instance string
	platform *Platform
	log      *zap.Logger
	tracing  *telemetry.Tracing
	// phase is what the start waits for, empty once requests are answered.
	phase atomic.Value
}

// Run runs a service until ctx ends and everything is drained; nil then. An
// error that run.ExitCode tells apart otherwise: wrong settings, or a database
// and topics that contradict each other.
func Run(ctx context.Context, settings Settings, deps Deps, spec Spec) (err error) {
	if err := settings.Validate(); err != nil {
		return run.ConfigError(fmt.Errorf("settings: %w", err))
	}
	s := &service{spec: spec, settings: settings, deps: deps, instance: settings.instance(spec.Name)}
	if err := s.observe(ctx); err != nil {
		return err
	}
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		err = errors.Join(err, s.tracing.Shutdown(last))
	}()
	ops, err := s.operations()
	if err != nil {
		return err
	}
	s.wait("the database", nil)
	ops.AddCheck(httpserver.Check{Name: "start", Required: true, Probe: s.started})
	return run.Stages(ctx,
		run.Stage{{Name: spec.Name, Run: func(ctx context.Context) error { return s.live(ctx, ops) }}},
		run.Stage{{Name: spec.Name + " operations", Run: ops.Run}},
	)
}

// observe builds logger, metrics and tracing.
func (s *service) observe(ctx context.Context) error {
	s.log = s.deps.Logger
	if s.log == nil {
		var err error
		s.log, err = telemetry.NewLogger(telemetry.LogConfig{Service: s.spec.Name, Level: s.settings.LogLevel, Format: s.settings.LogFormat})
		if err != nil {
			return run.ConfigError(err)
		}
	}
	endpoint := s.settings.OTLPEndpoint
	if s.settings.TraceRatio == 0 {
		endpoint = "" // a ratio of 0 would keep all
	}
	tracing, err := telemetry.NewTracing(ctx, telemetry.TraceConfig{
		Service: s.spec.Name, Version: s.spec.Version, Endpoint: endpoint, SampleRatio: s.settings.TraceRatio,
	}, s.log)
	if err != nil {
		return run.ConfigError(err)
	}
	s.tracing = tracing
	s.platform = &Platform{Logger: s.log, Metrics: telemetry.NewMetrics(), Tracer: tracing.Tracer(s.spec.Name)}
	return nil
}

// live is the service proper: from opening its database to closing it.
func (s *service) live(ctx context.Context, ops *httpserver.Server) error {
	store, err := s.open(ctx)
	if err != nil || store == nil {
		return err
	}
	s.platform.Store, s.platform.Commands = store, aggregate.NewCommands(store)
	ops.AddCheck(httpserver.Check{Name: "database", Required: true, Probe: store.Ready})
	registry, err := s.registry()
	if err != nil {
		return errors.Join(err, store.Close())
	}
	defer registry.Close()
	book := newSchemaBook(registry, store, s.log)
	parts, positions, err := s.build(ctx, book)
	if err != nil || ctx.Err() != nil {
		return errors.Join(err, store.Close())
	}
	api, err := s.api(parts)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	broker, err := s.broker(parts, positions)
	if err != nil {
		return errors.Join(err, api.Close(), store.Close())
	}
	measured, err := newGauges(s.log, s.platform.Metrics, slices.Concat(s.ownMeasures(parts), parts.Measures))
	if err != nil {
		return errors.Join(err, api.Close(), store.Close())
	}
	s.inspection(ops, parts, broker)
	ops.AddCheck(httpserver.Check{Name: "kafka", Probe: broker.check})
	ops.AddCheck(httpserver.Check{Name: "schema registry", Probe: book.check})
	s.wait("", nil)
	if s.deps.Ready != nil {
		s.deps.Ready()
	}
	s.log.Info("ready", zap.String("api", api.URL()), zap.String("operations", ops.URL()))
	return run.Stages(ctx,
		run.Stage{{Name: "api", Run: func(ctx context.Context) error {
			stop := context.AfterFunc(ctx, ops.Leave) // who asks there asks about the API
			defer stop()
			return api.Run(ctx)
		}}},
		run.Stage{{Name: "inbox", Run: broker.consume}, {Name: "intents", Run: broker.execute}, {Name: "answers", Run: s.expire}, {Name: "schemas", Run: book.Run}, {Name: "measures", Run: measured.run}},
		run.Stage{{Name: "relay", Run: broker.publish}},
		run.Stage{run.OnStop("database", store.Close)},
	)
}

func (s *service) api(parts Parts) (*httpserver.Server, error) {
	api, err := httpserver.New(httpserver.Config{
		Title: s.spec.Title, Version: s.spec.Version, Addr: s.settings.Listen, Listener: s.deps.API, DrainDelay: s.settings.DrainDelay,
	}, httpserver.Deps{Logger: s.log, Metrics: s.platform.Metrics, Tracer: s.platform.Tracer})
	if err != nil {
		return nil, run.ConfigError(fmt.Errorf("LISTEN: %w", err))
	}
	parts.Routes(api.API())
	api.AddCheck(httpserver.Check{Name: "database", Required: true, Probe: s.platform.Store.Ready})
	return api, nil
}

const (
	expireEvery = time.Minute // answers live a day; a minute's delay is nothing
	expireBatch = 1000        // bounds one transaction
)

// expire forgets idempotency answers that nobody can ask for any more.
func (s *service) expire(ctx context.Context) error {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for ctx.Err() == nil {
			n, err := s.platform.Store.ExpireAnswers(ctx, time.Now().UnixMicro(), expireBatch)
			if err != nil || n < expireBatch {
				break // whatever is left goes next time
			}
		}
	}
}
