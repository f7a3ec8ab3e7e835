package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// External are servers to use instead of embedded ones. What is empty is
// embedded.
type External struct {
	// Kafka is host:port of some brokers, separated by commas.
	Kafka string
	// Postgres is the URL of a PostgreSQL server. Each service has a database of
	// its own there, made if it is missing: DatabaseName says which. A database
	// in the URL is the one that is connected to for that, postgres by default.
	Postgres string
	// Registry is the URL of a Confluent-compatible schema registry, with its
	// path if it has one.
	Registry string
	// Access is how the brokers and the registry are reached.
	Access Access
}

// errServerURL repeats no URL, which may hold a password.
var errServerURL = errors.New("--postgres: expected postgres://user:password@host:5432")

// reachTimeout is how long a server of one's own has to answer at start: a person
// waits for the message that says it does not.
const reachTimeout = 8 * time.Second

// makeTimeout is how long a server may take to make the databases: it copies files
// and waits for the disk.
const makeTimeout = time.Minute

// validate reports all that is wrong at once, in the words of the flags of
// `murmur up`. It repeats no URL, which may hold a password.
func (e External) validate() error {
	var faults []error
	if e.Kafka != "" {
		if err := (kafka.Config{Brokers: brokers(e.Kafka)}).Validate(); err != nil {
			faults = append(faults, fmt.Errorf("--kafka: %w", err))
		}
	}
	if e.Postgres != "" {
		if u, err := url.Parse(e.Postgres); err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") || u.Host == "" {
			faults = append(faults, errServerURL)
		} else if err := postgres.CheckURL(e.Postgres); err != nil {
			faults = append(faults, fmt.Errorf("--postgres: %w", err))
		}
	}
	if e.Registry != "" {
		if u, err := url.Parse(e.Registry); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			faults = append(faults, errors.New("--registry: expected http://host:port or https://host:port, with the path of the Confluent API if it has one"))
		}
	}
	return errors.Join(faults...)
}

// Brokers are the host:port of Kafka, one by one.
func (a Addresses) Brokers() []string { return brokers(a.Kafka) }

func brokers(list string) []string {
	parts := strings.Split(list, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// DatabaseName is the name of a service's database on a PostgreSQL server.
func DatabaseName(service string) string { return "murmuration_" + service }

// reachKafka tells early and in words whether brokers answer.
func (e External) reachKafka(ctx context.Context) error {
	cfg, err := e.kafka(brokers(e.Kafka), "murmur")
	if err != nil {
		return run.ConfigError(err)
	}
	cfg.DialTimeout = reachTimeout
	client, err := kafka.NewClient(cfg)
	if err != nil {
		return err // was checked before
	}
	defer client.Close()
	ping, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	if err := client.Ping(ping); err != nil {
		return run.TempFailError(fmt.Errorf("--kafka: no broker answers at %s: %w", e.Kafka, err))
	}
	return nil
}

// databaseURL is the URL of a service's database on a server.
func databaseURL(server, service string) (string, error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", errServerURL
	}
	u.Path = "/" + DatabaseName(service)
	return u.String(), nil
}

// makeDatabases creates the databases of services that a server lacks.
func makeDatabases(ctx context.Context, server string, services ...string) error {
	u, err := url.Parse(server)
	if err != nil {
		return errServerURL
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/postgres"
	}
	reaching, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	conn, err := pgx.Connect(reaching, u.String())
	if err != nil {
		return serverFailed(u, "no connection", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // nothing is left to be said on it
	making, cancel := context.WithTimeout(ctx, makeTimeout)
	defer cancel()
	for _, service := range services {
		if err := makeDatabase(making, conn, DatabaseName(service)); err != nil {
			return serverFailed(u, "database "+DatabaseName(service)+" cannot be made", err)
		}
	}
	return nil
}

func makeDatabase(ctx context.Context, conn *pgx.Conn, name string) error {
	var exists bool
	err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&exists)
	if err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	var refused *pgconn.PgError
	if errors.As(err, &refused) && (refused.Code == duplicateDatabase || refused.Code == uniqueViolation) {
		return nil // somebody else made it in between
	}
	return err
}

// What PostgreSQL calls a database that is there already, also when it is made at
// this very moment.
const (
	duplicateDatabase = "42P04"
	uniqueViolation   = "23505"
)

// serverFailed tells a server that answered, and refused, from one that does not
// answer in time.
func serverFailed(u *url.URL, what string, err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return run.ConfigError(fmt.Errorf("--postgres: %s: %s: refused: %s", what, u.Host, refused.Message))
	}
	return run.TempFailError(fmt.Errorf("--postgres: %s: %s: %w", what, u.Host, err))
}
