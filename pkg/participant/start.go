package participant

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/avro"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/run"
	"github.com/murmuration-dev/murmuration/pkg/telemetry"
)

// wait makes /readyz say what the start waits for, and why; nothing when requests
// are answered.
func (s *service) wait(what string, why error) {
	if why != nil {
		what = fmt.Sprintf("%s: %v", what, why)
	}
	s.phase.Store(what)
}

// started keeps requests away until the API can answer them.
func (s *service) started(context.Context) error {
	if waitsFor, _ := s.phase.Load().(string); waitsFor != "" {
		return errors.New("waiting for " + waitsFor)
	}
	return nil
}

// open opens the database; what cannot be reached, or was not migrated yet, is
// tried again, what is wrong ends the program. Without a store and an error, ctx
// has ended.
func (s *service) open(ctx context.Context) (eventstore.Store, error) {
	const database = "the database"
	s.wait(database, nil)
	var store eventstore.Store
	err := s.persist(ctx, "database cannot be opened", func() error {
		var err error
		store, err = openStore(ctx, s.settings.DatabaseURL, s.spec.Migrations, s.settings.migrates())
		err = s.databaseFault("DATABASE_URL", err)
		s.wait(database, err)
		return err
	})
	return store, err
}

// databaseFault names the setting that leads to a database, and gives an exit code
// to what no further attempt mends.
func (s *service) databaseFault(setting string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, eventstore.ErrNotMigrated):
		return fmt.Errorf("%s: %w: `%s migrate` does that", setting, err, s.spec.Name)
	}
	err = named(setting, err)
	for _, fault := range []error{eventstore.ErrInUse, eventstore.ErrSchemaMismatch, eventstore.ErrUnusable, fs.ErrPermission, fs.ErrNotExist} {
		if errors.Is(err, fault) {
			return run.ConfigError(err)
		}
	}
	return err
}

func (s *service) registry() (*registrar, error) {
	registry, err := avro.NewRegistry(avro.RegistryConfig{
		URL: s.settings.RegistryURL, Username: s.settings.RegistryUsername, Password: s.settings.RegistryPassword,
	})
	if err != nil {
		return nil, run.ConfigError(fmt.Errorf("SCHEMA_REGISTRY_URL: %w", err))
	}
	return &registrar{Registry: registry, registers: s.settings.migrates(), log: s.log}, nil
}

// build resolves the schemas and makes the service's parts.
func (s *service) build(ctx context.Context, registry Registry) (Parts, *positions, error) {
	const schemas = "the schema registry"
	s.wait(schemas, nil)
	s.platform.Registry = registry
	var parts Parts
	var codec *positions
	err := s.persist(ctx, "schemas cannot be resolved", func() error {
		var err error
		if parts, err = s.spec.Build(ctx, s.platform); err == nil {
			codec, err = newPositions(ctx, registry, s.spec.PositionSubject, s.spec.PositionSchema)
		}
		err = s.registryFault(err)
		s.wait(schemas, err)
		return err
	})
	return parts, codec, err
}

// registryFault names the setting that leads to the registry, and gives an exit
// code to what no further attempt mends.
func (s *service) registryFault(err error) error {
	switch {
	case errors.Is(err, errNotRegistered):
		return fmt.Errorf("SCHEMA_REGISTRY_URL: %w: `%s migrate` does that", err, s.spec.Name)
	case err != nil && avro.Permanent(err):
		return run.ConfigError(err)
	case errors.Is(err, avro.ErrUnauthorized):
		return unauthorized(err)
	}
	return named("SCHEMA_REGISTRY_URL", err)
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
	return persist(ctx, s.log, func(int) time.Duration { return retryEvery }, what, try)
}

// persist waits for pause before each further attempt, which has a number from 1.
func persist(ctx context.Context, log *zap.Logger, pause func(attempt int) time.Duration, what string, try func() error) error {
	throttle := telemetry.NewThrottle(log, logEvery)
	for attempt := 1; ; attempt++ {
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
		case <-time.After(pause(attempt)):
		}
	}
}
