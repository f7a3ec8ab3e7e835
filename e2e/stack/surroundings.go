//go:build e2e

package stack

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/network"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/murmuration-dev/murmuration/e2e/stack/hostport"
)

// surroundings are where what is not ours can be reached from this machine.
type surroundings struct {
	databases map[string]string // host:port by service
	registry  string            // host:port
	gateway   string
}

func (s surroundings) registryURL() string { return "http://" + s.registry + registryPath }

const (
	// registryPath is where Apicurio has Confluent's API.
	registryPath = "/apis/ccompat/v7"

	postgresPort = 5432
	registryPort = 8081
	gatewayPort  = 12111

	// secret is the password of all databases.
	secret = "murmuration"
	// dataFolder is where PostgreSQL's images keep a database.
	dataFolder = "/var/lib/postgresql/data"

	// askTimeout bounds one question to something that starts.
	askTimeout = 5 * time.Second
	// jobTimeout bounds what runs once: an audit looks at every order of a long run.
	jobTimeout = 30 * time.Minute
)

// databaseURL is that of a database, for whoever reaches it at an address.
func databaseURL(address, name string) string {
	return fmt.Sprintf("postgres://murmuration:%s@%s/%s?sslmode=disable", secret, address, name)
}

// DatabaseURL is where the database of a service is, seen from this machine.
func (s *Containers) DatabaseURL(service string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return databaseURL(s.surround.databases[service], service)
}

// startDatabases starts a server for each service, and one for the registry.
func (s *Containers) startDatabases(ctx context.Context) error {
	at := make(map[string]string)
	var starts []func() error
	for _, owner := range append([]string{string(Registry)}, serviceNames...) {
		var address string
		if err := freePorts(&address); err != nil {
			return err
		}
		at[owner] = address
		starts = append(starts, func() error { return s.startDatabase(ctx, owner, address) })
	}
	s.mu.Lock()
	s.surround.databases = at
	s.mu.Unlock()
	return atOnce(starts...)
}

func (s *Containers) startDatabase(ctx context.Context, owner, address string) error {
	answers := func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		conn, err := pgx.Connect(ctx, databaseURL(address, owner))
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	}
	options := []testcontainers.ContainerCustomizer{
		hostport.Publish(map[int]string{postgresPort: address}),
		testcontainers.WithEnv(map[string]string{"POSTGRES_USER": "murmuration", "POSTGRES_PASSWORD": secret, "POSTGRES_DB": owner}),
	}
	if owner != string(Registry) {
		own, err := s.storage(ctx, Database(owner))
		if err != nil {
			return err
		}
		options = append(options, own...)
	}
	return s.run(ctx, Database(owner), imageOf("POSTGRES_IMAGE", officialPostgres), answers, options...)
}

// storage is where the database of a service keeps its data, and how it is set up.
func (s *Containers) storage(ctx context.Context, part Part) ([]testcontainers.ContainerCustomizer, error) {
	var options []testcontainers.ContainerCustomizer
	command := []string{"postgres"}
	switch {
	case s.cfg.DatabaseDisk > 0:
		onDisk, err := s.startDisk(ctx, part)
		if err != nil {
			return nil, err
		}
		options = append(options, onDisk...)
		command = append(command, "-c", "max_wal_size="+logsAtMost)
	case s.cfg.DatabaseVolume:
		options = append(options, testcontainers.WithHostConfigModifier(func(h *container.HostConfig) {
			h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeVolume, Target: dataFolder}) // goes with the container
		}))
	}
	for _, name := range slices.Sorted(maps.Keys(s.cfg.DatabaseSettings)) {
		command = append(command, "-c", name+"="+s.cfg.DatabaseSettings[name])
	}
	return append(options, testcontainers.WithCmd(command...)), nil
}

// startRegistry starts one that keeps its schemas in a database: ids stay what
// they are when it is killed.
func (s *Containers) startRegistry(ctx context.Context) error {
	var address string
	if err := freePorts(&address); err != nil {
		return err
	}
	s.mu.Lock()
	s.surround.registry = address
	url := s.surround.registryURL()
	s.mu.Unlock()
	return s.run(ctx, Registry, imageOf("REGISTRY_IMAGE", officialRegistry),
		func(ctx context.Context) error { return get(ctx, url+"/subjects") },
		hostport.Publish(map[int]string{registryPort: address}),
		testcontainers.WithEnv(map[string]string{
			"QUARKUS_HTTP_PORT":         strconv.Itoa(registryPort),
			"APICURIO_STORAGE_KIND":     "sql",
			"APICURIO_STORAGE_SQL_KIND": "postgresql",
			// Without a time limit it waits for ever on connections that a cut left behind.
			"APICURIO_DATASOURCE_URL":      fmt.Sprintf("jdbc:postgresql://%s:%d/%s?connectTimeout=5&socketTimeout=5", RegistryDatabase, postgresPort, Registry),
			"APICURIO_DATASOURCE_USERNAME": "murmuration",
			"APICURIO_DATASOURCE_PASSWORD": secret,
		}),
	)
}

func (s *Containers) startGateway(ctx context.Context) error {
	var address string
	if err := freePorts(&address); err != nil {
		return err
	}
	s.mu.Lock()
	s.surround.gateway = address
	s.mu.Unlock()
	return s.run(ctx, Gateway, s.images["gatewaysim"],
		func(ctx context.Context) error { return get(ctx, "http://"+address+"/_sim/totals") },
		hostport.Publish(map[int]string{gatewayPort: address}),
	)
}

// applyTopics declares the topics, as operators do.
func (s *Containers) applyTopics(ctx context.Context) error {
	args := []string{"topics", "apply", "--kafka", strings.Join(s.kafka.Inside(), ","), "--replication-factor", strconv.Itoa(s.cfg.Brokers)}
	out, err := s.Murmur(ctx, args...)
	if err == nil && out.Code != exitClean {
		err = fmt.Errorf("murmur %s: %s", strings.Join(args, " "), out)
	}
	return err
}

// Murmur runs the command line in a container on the platform's network, to its
// end. Its output is all in Stdout. An exit code is no error.
func (s *Containers) Murmur(ctx context.Context, args ...string) (Output, error) {
	ctx, cancel := context.WithTimeout(ctx, jobTimeout)
	defer cancel()
	o := Output{Code: -1}
	c, err := testcontainers.Run(ctx, s.images["murmur"], testcontainers.WithCmd(args...), quiet,
		network.WithNetworkName(nil, s.network.Name), testcontainers.WithWaitStrategyAndDeadline(jobTimeout, wait.ForExit()))
	if c == nil {
		return o, err
	}
	b := &box{part: "murmur", docker: s.docker, network: s.network.Name, of: c}
	if err == nil {
		var state *container.State
		if state, err = c.State(ctx); err == nil {
			o.Code = state.ExitCode
		}
	}
	var said strings.Builder
	logged := b.write(ctx, &said, "all")
	o.Stdout = said.String()
	if removed := b.remove(context.WithoutCancel(ctx)); err == nil {
		err = removed
	}
	if err == nil {
		err = logged
	}
	return o, err
}

// get expects 200.
func get(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return probe(ctx, client, url)
}
