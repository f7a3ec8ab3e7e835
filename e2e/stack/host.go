//go:build e2e

package stack

import (
	"context"
	"errors"
	"fmt"

	"github.com/moby/moby/client"
)

// hostAddress is the address at which containers reach a listener of this machine:
// that of their network's bridge.
func (s *Containers) hostAddress(ctx context.Context) (string, error) {
	bridge, err := s.docker.NetworkInspect(ctx, s.network.Name, client.NetworkInspectOptions{})
	if err != nil {
		return "", err
	}
	for _, c := range bridge.Network.IPAM.Config {
		switch {
		case c.Gateway.Is4():
			return c.Gateway.String(), nil
		case c.Subnet.Addr().Is4():
			return c.Subnet.Masked().Addr().Next().String(), nil // what Docker takes if nobody says
		}
	}
	return "", errors.New("the platform's network has no address")
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
