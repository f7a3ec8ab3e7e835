//go:build e2e

package stack

import (
	"context"
	"errors"
	"fmt"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// HostAddress is the address at which containers reach a listener of this machine,
// that of Docker's own bridge.
func HostAddress(ctx context.Context) (string, error) {
	docker, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return "", err
	}
	bridge, err := docker.NetworkInspect(ctx, "bridge", client.NetworkInspectOptions{})
	if err := errors.Join(err, docker.Close()); err != nil {
		return "", err
	}
	for _, c := range bridge.Network.IPAM.Config {
		if c.Gateway.Is4() {
			return c.Gateway.String(), nil
		}
	}
	return "", errors.New("docker's bridge has no address")
}

// PID is the first process of a part that runs, as this machine numbers it.
func (s *Containers) PID(ctx context.Context, part Part) (int, error) {
	b, err := s.box(part)
	if err != nil {
		return 0, err
	}
	seen, err := b.docker.ContainerInspect(ctx, b.id(), client.ContainerInspectOptions{})
	if err != nil {
		return 0, err
	}
	if seen.Container.State.Pid == 0 {
		return 0, fmt.Errorf("%s: %w", part, ErrState)
	}
	return seen.Container.State.Pid, nil
}
