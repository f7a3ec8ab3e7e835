//go:build e2e

// Package servers starts what somebody who runs the platform already has: a Kafka
// broker, a PostgreSQL server and a schema registry, each in a container.
//
// Addresses stay what they are when a server is stopped and started again. Nothing
// that it started outlives Close. Programs of the platform are not among it.
package servers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"

	"github.com/murmuration-dev/murmuration/e2e/stack/hostport"
	"github.com/murmuration-dev/murmuration/e2e/stack/kafkacluster"
)

// What runs unless POSTGRES_IMAGE and REGISTRY_IMAGE name others.
const (
	officialPostgres = "postgres:15"
	officialRegistry = "apicurio/apicurio-registry:3.3.3"
)

const (
	// password is that of PostgreSQL's superuser.
	password = "murmuration"
	// startLimit is far more than the seconds that a server takes on an idle machine.
	startLimit = 2 * time.Minute
	// closeLimit bounds the removal of all containers.
	closeLimit = time.Minute
	// askLimit bounds one question to a server that starts.
	askLimit = 2 * time.Second
	// askEvery paces them.
	askEvery = 100 * time.Millisecond
)

// Servers are one of each.
type Servers struct {
	// Kafka has one broker.
	Kafka *kafkacluster.Cluster

	docker             *testcontainers.DockerClient
	postgres, registry testcontainers.Container
	postgresAt         string // host:port
	registryAt         string
}

// Start returns when all of them answer. Close them, also after an error.
func Start(ctx context.Context) (*Servers, error) { return start(ctx, true) }

// StartWithoutRegistry is Start for those who need no schemas: Registry leads nowhere.
func StartWithoutRegistry(ctx context.Context) (*Servers, error) { return start(ctx, false) }

func start(ctx context.Context, registry bool) (*Servers, error) {
	s := &Servers{}
	var err error
	if s.docker, err = testcontainers.NewDockerClientWithOpts(ctx); err != nil {
		return s, err
	}
	var errs [3]error
	var wg sync.WaitGroup
	wg.Go(func() { s.Kafka, errs[0] = kafkacluster.Start(ctx, kafkacluster.Config{}) })
	wg.Go(func() { errs[1] = s.startPostgres(ctx) })
	if registry {
		wg.Go(func() { errs[2] = s.startRegistry(ctx) })
	}
	wg.Wait()
	return s, errors.Join(errs[:]...)
}

// Brokers is host:port of the broker.
func (s *Servers) Brokers() string { return strings.Join(s.Kafka.Addresses(), ",") }

// Postgres is the URL of the server, as its superuser.
func (s *Servers) Postgres() string {
	return fmt.Sprintf("postgres://postgres:%s@%s", password, s.postgresAt)
}

// PostgresAddress is host:port of the server.
func (s *Servers) PostgresAddress() string { return s.postgresAt }

// Database is the URL of a database on the server; it is made if it is missing.
func (s *Servers) Database(ctx context.Context, name string) (string, error) {
	conn, err := pgx.Connect(ctx, s.Postgres()+"/postgres")
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is left to be said on it
	var exists bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&exists); err != nil {
		return "", err
	}
	if !exists {
		_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize())
	}
	return s.Postgres() + "/" + name, err
}

// RegistryRoot is the URL of the registry, without the path of any of its APIs.
func (s *Servers) RegistryRoot() string { return "http://" + s.registryAt }

// Registry is the URL under which the registry speaks Confluent's API.
func (s *Servers) Registry() string { return s.RegistryRoot() + "/apis/ccompat/v7" }

func (s *Servers) startPostgres(ctx context.Context) (err error) {
	if s.postgresAt, err = hostport.Free(hostport.Loopback); err != nil {
		return err
	}
	const port = 5432
	s.postgres, err = testcontainers.Run(ctx, image("POSTGRES_IMAGE", officialPostgres),
		hostport.Publish(map[int]string{port: s.postgresAt}),
		testcontainers.WithEnv(map[string]string{"POSTGRES_PASSWORD": password}))
	if err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	return s.awaitPostgres(ctx)
}

func (s *Servers) awaitPostgres(ctx context.Context) error {
	return until(ctx, "postgres", func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, s.Postgres()+"/postgres")
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
}

func (s *Servers) startRegistry(ctx context.Context) (err error) {
	if s.registryAt, err = hostport.Free(hostport.Loopback); err != nil {
		return err
	}
	const port = 8081
	s.registry, err = testcontainers.Run(ctx, image("REGISTRY_IMAGE", officialRegistry),
		hostport.Publish(map[int]string{port: s.registryAt}),
		testcontainers.WithEnv(map[string]string{"QUARKUS_HTTP_PORT": strconv.Itoa(port)}))
	if err != nil {
		return fmt.Errorf("start registry: %w", err)
	}
	return until(ctx, "registry", s.askRegistry)
}

func (s *Servers) askRegistry(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Registry()+"/subjects", http.NoBody)
	if err != nil {
		return err
	}
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}

// until repeats ask until it succeeds.
func until(ctx context.Context, what string, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		once, end := context.WithTimeout(ctx, askLimit)
		err := ask(once)
		end()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", what, err)
		case <-time.After(askEvery):
		}
	}
}

// FreezeRegistry makes the registry take connections and answer none; ThawRegistry
// lets it go on.
func (s *Servers) FreezeRegistry(ctx context.Context) error {
	_, err := s.docker.ContainerPause(ctx, s.registry.GetContainerID(), client.ContainerPauseOptions{})
	return err
}

// ThawRegistry lets a frozen registry go on.
func (s *Servers) ThawRegistry(ctx context.Context) error {
	_, err := s.docker.ContainerUnpause(ctx, s.registry.GetContainerID(), client.ContainerUnpauseOptions{})
	return err
}

// KillPostgres ends the server as a crash does.
func (s *Servers) KillPostgres(ctx context.Context) error {
	_, err := s.docker.ContainerKill(ctx, s.postgres.GetContainerID(), client.ContainerKillOptions{Signal: "KILL"})
	return err
}

// RestartPostgres starts a killed server and waits until it answers.
func (s *Servers) RestartPostgres(ctx context.Context) error {
	if _, err := s.docker.ContainerStart(ctx, s.postgres.GetContainerID(), client.ContainerStartOptions{}); err != nil {
		return err
	}
	return s.awaitPostgres(ctx)
}

// Close removes the containers with all that they kept.
func (s *Servers) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	var errs []error
	for _, c := range []testcontainers.Container{s.postgres, s.registry} {
		if c != nil {
			errs = append(errs, c.Terminate(ctx, testcontainers.StopTimeout(0)))
		}
	}
	if s.Kafka != nil {
		errs = append(errs, s.Kafka.Close())
	}
	if s.docker != nil {
		errs = append(errs, s.docker.Close())
	}
	return errors.Join(errs...)
}

func image(variable, official string) string {
	if name := os.Getenv(variable); name != "" {
		return name
	}
	return official
}
