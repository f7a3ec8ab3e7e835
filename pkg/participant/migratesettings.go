package participant

import (
	"errors"
	"fmt"
	"io"

	"github.com/murmuration-dev/murmuration/pkg/telemetry"
)

// MigrationSettings are those of the sub-command migrate, by environment variables
// of these names: those of the service will do, but for the rights.
type MigrationSettings struct {
	// MigrationDatabaseURL is the PostgreSQL database of DATABASE_URL for a role that
	// may make tables; default: DATABASE_URL. Where both are set, the role of
	// DATABASE_URL gets the rights to rows that a service needs, and no others: only
	// its name is used, and no password of it.
	MigrationDatabaseURL string `env:"MIGRATION_DATABASE_URL"`
	// DatabaseURL is the service's own database.
	DatabaseURL string `env:"DATABASE_URL"`
	// RegistryURL is where the service's schemas are registered; empty: nowhere. The
	// user needs the rights to register, and to set the level of compatibility.
	RegistryURL      string `env:"SCHEMA_REGISTRY_URL"`
	RegistryUsername string `env:"SCHEMA_REGISTRY_USERNAME"`
	RegistryPassword string `env:"SCHEMA_REGISTRY_PASSWORD"`
	// LogLevel and LogFormat are as for the service.
	LogLevel  string `env:"LOG_LEVEL" envDefault:"info"`
	LogFormat string `env:"LOG_FORMAT" envDefault:"json"`
}

// Validate reports all faults at once.
func (s MigrationSettings) Validate() error {
	var faults []error
	migration, service, err := s.schemes()
	faults = append(faults, err)
	switch {
	case s.DatabaseURL == "" && s.MigrationDatabaseURL == "":
		faults = append(faults, errors.New("DATABASE_URL and MIGRATION_DATABASE_URL are empty: expected one of them, as "+databaseURLs))
	case s.DatabaseURL == "" || s.MigrationDatabaseURL == "" || err != nil:
	case migration != schemePostgres || service != schemePostgres:
		faults = append(faults, errors.New("MIGRATION_DATABASE_URL is set beside DATABASE_URL: expected two roles of one PostgreSQL database; for a file set DATABASE_URL alone"))
	}
	if s.RegistryURL != "" {
		faults = append(faults, validateURL("SCHEMA_REGISTRY_URL", s.RegistryURL))
	}
	if _, err := telemetry.NewLogger(telemetry.LogConfig{Level: s.LogLevel, Format: s.LogFormat, Output: io.Discard}); err != nil {
		faults = append(faults, fmt.Errorf("LOG_LEVEL and LOG_FORMAT: %w", err))
	}
	return errors.Join(faults...)
}

// schemes are those of the two URLs, as far as they are set.
func (s MigrationSettings) schemes() (migration, service string, err error) {
	var faults [2]error
	if s.MigrationDatabaseURL != "" {
		migration, _, faults[0] = parseDatabase("MIGRATION_DATABASE_URL", s.MigrationDatabaseURL)
	}
	if s.DatabaseURL != "" {
		service, _, faults[1] = parseDatabase("DATABASE_URL", s.DatabaseURL)
	}
	return migration, service, errors.Join(faults[:]...)
}

// migrator is the database of the role that migrates, with the setting it is from.
func (s MigrationSettings) migrator() (setting, url string) {
	if s.MigrationDatabaseURL == "" {
		return "DATABASE_URL", s.DatabaseURL
	}
	return "MIGRATION_DATABASE_URL", s.MigrationDatabaseURL
}
