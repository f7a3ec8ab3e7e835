//go:build e2e

package stack

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/testcontainers/testcontainers-go"

	"github.com/murmuration-dev/murmuration/e2e/stack/hostport"
)

// replica is one container of a service.
type replica struct {
	part     Part
	api, ops string // host:port
}

const (
	apiPort = 8080
	opsPort = 9090
)

// Scale makes so many replicas of a service run: it starts those that are missing
// and waits until they are ready, or stops the last ones in order. Replicas that
// were killed, paused or cut off count as they are.
func (s *Containers) Scale(ctx context.Context, service string, replicas int) error {
	s.mu.Lock()
	known := s.services[service]
	for n := len(known) + 1; n <= replicas; n++ {
		r := &replica{part: Replica(service, n)}
		if err := freePorts(&r.api, &r.ops); err != nil {
			s.mu.Unlock()
			return err
		}
		known = append(known, r)
	}
	s.services[service] = known
	s.mu.Unlock()
	var changes []func() error
	for i, r := range known {
		b, _ := s.box(r.part) // not yet, if nil
		switch {
		case i >= replicas && b != nil && b.is(isRunning):
			changes = append(changes, func() error { return b.stop(ctx) })
		case i < replicas && b == nil:
			changes = append(changes, func() error { return s.startReplica(ctx, service, r) })
		case i < replicas && b.is(isDown):
			changes = append(changes, func() error { return s.Start(ctx, r.part) })
		}
	}
	return atOnce(changes...)
}

func (s *Containers) startReplica(ctx context.Context, service string, r *replica) error {
	return s.run(ctx, r.part, s.images[service],
		func(ctx context.Context) error { return get(ctx, "http://"+r.ops+"/readyz") },
		hostport.Publish(map[int]string{apiPort: r.api, opsPort: r.ops}),
		testcontainers.WithEnv(s.environment(service)),
		testcontainers.WithConfigModifier(func(c *container.Config) { c.Hostname = string(r.part) }), // part of the name of the instance
	)
}

// environment are the settings of a service, as docs/configuration.md has them.
func (s *Containers) environment(service string) map[string]string {
	env := map[string]string{
		"DATABASE_URL":        databaseURL(s.fronts[service], service),
		"KAFKA_BROKERS":       strings.Join(s.kafka.Inside(), ","),
		"SCHEMA_REGISTRY_URL": fmt.Sprintf("http://%s:%d%s", Registry, registryPort, registryPath),
		"TRACE_RATIO":         "0",
	}
	switch service {
	case Order:
		env["ORDER_DEADLINE"] = s.cfg.Deadline.String()
	case Payment:
		env["GATEWAY_URL"] = fmt.Sprintf("http://%s:%d", Gateway, gatewayPort)
		env["GATEWAY_KEY"] = "sk_test_containers"
	}
	maps.Copy(env, s.cfg.Settings)
	return env
}
