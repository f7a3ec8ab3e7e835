package participant

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
	"github.com/murmuration-dev/murmuration/pkg/jitter"
	"github.com/murmuration-dev/murmuration/pkg/run"
	"github.com/murmuration-dev/murmuration/pkg/telemetry"
)

// maxRetryEvery bounds the pauses of a migration that waits for a server: nobody
// watches it, and what it waits for may be starting.
const maxRetryEvery = 10 * time.Second

// Migrate brings the database of a service up to date, sees to it that the
// service's own role can work with it, and registers the service's schemas. It is
// for those who may; the service itself then needs no such right. Doing it again,
// also by several at once and beside a running service, is harmless.
//
// What cannot be reached is tried again until ctx ends, which is an error. Other
// errors are wrong settings, and rights that lack; see run.ExitCode.
func Migrate(ctx context.Context, settings MigrationSettings, spec Spec, logger *zap.Logger) error {
	if err := settings.Validate(); err != nil {
		return run.ConfigError(fmt.Errorf("settings: %w", err))
	}
	if logger == nil {
		var err error
		logger, err = telemetry.NewLogger(telemetry.LogConfig{Service: spec.Name, Level: settings.LogLevel, Format: settings.LogFormat})
		if err != nil {
			return run.ConfigError(err)
		}
	}
	m := &migration{settings: settings, service: &service{spec: spec, log: logger, settings: Settings{
		RegistryURL: settings.RegistryURL, RegistryUsername: settings.RegistryUsername, RegistryPassword: settings.RegistryPassword,
	}}}
	err := m.run(ctx)
	if err == nil && ctx.Err() != nil {
		return run.TempFailError(fmt.Errorf("migration: ended before it was done: %w", context.Cause(ctx)))
	}
	return err
}

// migration is one call of Migrate.
type migration struct {
	settings MigrationSettings
	service  *service
}

func (m *migration) run(ctx context.Context) error {
	setting, url := m.settings.migrator()
	err := m.persist(ctx, "database cannot be migrated", func() error {
		return m.fault(setting, migrateStore(ctx, url, m.settings.DatabaseURL, m.service.spec.Migrations))
	})
	if err != nil || ctx.Err() != nil {
		return err
	}
	m.service.log.Info("the database is up to date")
	if m.settings.RegistryURL == "" {
		return nil
	}
	return m.register(ctx)
}

// fault tells what no further attempt mends; a process that has the database for
// itself ends at some time, or has migrated it.
func (m *migration) fault(setting string, err error) error {
	if errors.Is(err, eventstore.ErrInUse) {
		return named(setting, err)
	}
	return m.service.databaseFault(setting, err)
}

// register lets the service make its parts, which registers its schemas. It does
// not run them.
func (m *migration) register(ctx context.Context) error {
	registry, err := m.service.registry()
	if err != nil {
		return err
	}
	defer registry.Close()
	spec := m.service.spec
	platform := &Platform{
		Registry: registry, Logger: m.service.log, Metrics: telemetry.NewMetrics(), Tracer: noop.NewTracerProvider().Tracer(spec.Name),
	}
	err = m.persist(ctx, "schemas cannot be registered", func() error {
		_, err := spec.Build(ctx, platform)
		if err == nil {
			_, err = newPositions(ctx, registry, spec.PositionSubject, spec.PositionSchema)
		}
		if errors.Is(err, errNotRegistered) {
			return unauthorized(err)
		}
		return m.service.registryFault(err)
	})
	if err == nil && ctx.Err() == nil {
		m.service.log.Info("the schemas are registered")
	}
	return err
}

// persist tries again in pauses that grow, not all at the same time.
func (m *migration) persist(ctx context.Context, what string, try func() error) error {
	return persist(ctx, m.service.log, func(attempt int) time.Duration {
		pause := min(retryEvery<<min(attempt-1, 10), maxRetryEvery)
		return pause/2 + jitter.Below(ctx, pause/2)
	}, what, try)
}

// migrateStore migrates as the role of url for that of serviceURL, which may be
// the same, or empty.
func migrateStore(ctx context.Context, url, serviceURL string, migrations fs.FS) error {
	scheme, target, err := parseDatabaseURL(url)
	if err != nil {
		return err // was checked before
	}
	if scheme != schemePostgres {
		store, err := openStore(ctx, url, migrations, true)
		if err != nil {
			return err
		}
		return store.Close()
	}
	var service []fs.FS
	if migrations != nil {
		service = []fs.FS{migrations}
	}
	return postgres.MigrateFor(ctx, target, serviceURL, service...)
}
