//go:build e2e

package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
)

// Inside are the addresses on the platform's own network, where hosts are parts.
// Dial connects to them. API and Ops of a service are those of its first replica.
func (s *Containers) Inside() embedded.Addresses {
	s.mu.Lock()
	defer s.mu.Unlock()
	return embedded.Addresses{
		Kafka:    strings.Join(s.kafka.Inside(), ","),
		Registry: fmt.Sprintf("http://%s:%d%s", Registry, registryPort, registryPath),
		Gateway:  fmt.Sprintf("http://%s:%d", Gateway, gatewayPort),
		Order:    s.inside(Order), Payment: s.inside(Payment), Inventory: s.inside(Inventory),
	}
}

func (s *Containers) inside(service string) embedded.Service {
	var at embedded.Service
	for _, r := range s.services[service] {
		if b := s.boxes[r.part]; b != nil && b.usable() {
			at.Replicas = append(at.Replicas, embedded.Replica{
				API: fmt.Sprintf("http://%s:%d", r.part, apiPort), Ops: fmt.Sprintf("http://%s:%d", r.part, opsPort),
			})
		}
	}
	if len(at.Replicas) > 0 {
		at.API, at.Ops = at.Replicas[0].API, at.Replicas[0].Ops
	}
	return at
}

// DatabaseInside is where the database of a service is, on the platform's own
// network.
func (s *Containers) DatabaseInside(service string) string {
	return databaseURL(fmt.Sprintf("%s:%d", Database(service), postgresPort), service)
}

// Dial connects this machine to a part on the platform's own network, past the
// ports that Docker publishes and their proxy. The host of the address is the
// part's name. It needs a Docker Engine on this machine.
func (s *Containers) Dial(ctx context.Context, protocol, address string) (net.Conn, error) {
	part, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	b, err := s.box(Part(part))
	if err != nil {
		return nil, err
	}
	seen, err := b.docker.ContainerInspect(ctx, b.id(), client.ContainerInspectOptions{})
	if err != nil {
		return nil, err
	}
	at := seen.Container.NetworkSettings.Networks[b.network]
	if at == nil || !at.IPAddress.IsValid() {
		return nil, fmt.Errorf("%s has no address: %w", part, ErrState)
	}
	return new(net.Dialer).DialContext(ctx, protocol, net.JoinHostPort(at.IPAddress.String(), port))
}

// CPU is the processor time that a part has used since it was started, all its
// processes together.
func (s *Containers) CPU(ctx context.Context, part Part) (time.Duration, error) {
	b, err := s.box(part)
	if err != nil {
		return 0, err
	}
	answer, err := b.docker.ContainerStats(ctx, b.id(), client.ContainerStatsOptions{})
	if err != nil {
		return 0, err
	}
	var stats container.StatsResponse
	err = errors.Join(json.NewDecoder(answer.Body).Decode(&stats), answer.Body.Close())
	return time.Duration(stats.CPUStats.CPUUsage.TotalUsage), err
}
