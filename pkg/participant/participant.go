package participant

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/avro"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
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
	s.phase.Store("the database")
	ops.AddCheck(httpserver.Check{Name: "start", Required: true, Probe: s.started})
	return run.Stages(ctx,
		run.Stage{{Name: spec.Name, Run: func(ctx context.Context) error { return s.live(ctx, ops) }}},
		run.Stage{{Name: spec.Name + " operations", Run: ops.Run}},
	)
}

// started keeps requests away until the API can answer them.
func (s *service) started(context.Context) error {
	if waitsFor, _ := s.phase.Load().(string); waitsFor != "" {
		return errors.New("waiting for " + waitsFor)
	}
	return nil
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
	s.phase.Store("the schema registry")
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
	s.inspection(ops, parts, broker)
	ops.AddCheck(httpserver.Check{Name: "kafka", Probe: broker.check})
	ops.AddCheck(httpserver.Check{Name: "schema registry", Probe: book.check})
	s.phase.Store("")
	if s.deps.Ready != nil {
		s.deps.Ready()
	}
	s.log.Info("ready", zap.String("api", api.URL()), zap.String("operations", ops.URL()))
	return run.Stages(ctx,
		run.Stage{{Name: "api", Run: api.Run}},
		run.Stage{{Name: "inbox", Run: broker.consume}, {Name: "intents", Run: broker.execute}, {Name: "answers", Run: s.expire}, {Name: "schemas", Run: book.Run}},
		run.Stage{{Name: "relay", Run: broker.publish}},
		run.Stage{run.OnStop("database", store.Close)},
	)
}

// open opens the database; what cannot be reached is tried again, what is wrong
// ends the program. Without a store and an error, ctx has ended.
func (s *service) open(ctx context.Context) (eventstore.Store, error) {
	var store eventstore.Store
	err := s.persist(ctx, "database cannot be opened", func() error {
		var err error
		store, err = OpenStore(ctx, s.settings.DatabaseURL, s.spec.Migrations)
		if errors.Is(err, eventstore.ErrInUse) || errors.Is(err, eventstore.ErrSchemaMismatch) || errors.Is(err, eventstore.ErrUnusable) || errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
			return run.ConfigError(fmt.Errorf("DATABASE_URL: %w", err))
		}
		return named("DATABASE_URL", err)
	})
	return store, err
}

func (s *service) registry() (*avro.Registry, error) {
	registry, err := avro.NewRegistry(avro.RegistryConfig{
		URL: s.settings.RegistryURL, Username: s.settings.RegistryUsername, Password: s.settings.RegistryPassword,
	})
	if err != nil {
		return nil, run.ConfigError(fmt.Errorf("SCHEMA_REGISTRY_URL: %w", err))
	}
	return registry, nil
}

// build resolves the schemas and makes the service's parts.
func (s *service) build(ctx context.Context, registry Registry) (Parts, *positions, error) {
	s.platform.Registry = registry
	var parts Parts
	var codec *positions
	err := s.persist(ctx, "schemas cannot be resolved", func() error {
		var err error
		if parts, err = s.spec.Build(ctx, s.platform); err == nil {
			codec, err = newPositions(ctx, registry, s.spec.PositionSubject, s.spec.PositionSchema)
		}
		switch {
		case err != nil && avro.Permanent(err):
			return run.ConfigError(err)
		case errors.Is(err, avro.ErrUnauthorized):
			return unauthorized(err)
		}
		return named("SCHEMA_REGISTRY_URL", err)
	})
	return parts, codec, err
}

// named makes an error say which setting leads to what failed.
func named(setting string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", setting, err)
}

// persist tries until it works, ctx ends (nil), or the error has an exit code of
// its own.
func (s *service) persist(ctx context.Context, what string, try func() error) error {
	throttle := telemetry.NewThrottle(s.log, logEvery)
	for {
		err := try()
		switch {
		case err == nil:
			throttle.Recovered("reached after all")
			return nil
		case ctx.Err() != nil:
			return nil
		case run.ExitCode(err) != run.ExitFailure:
			return err
		}
		throttle.Failed(what+"; going on trying", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryEvery):
		}
	}
}

func (s *service) api(parts Parts) (*httpserver.Server, error) {
	api, err := httpserver.New(httpserver.Config{
		Title: s.spec.Title, Version: s.spec.Version, Addr: s.settings.Listen, Listener: s.deps.API,
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
