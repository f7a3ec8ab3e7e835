//go:build e2e

// Package hostport gives containers ports of this machine that stay what they are
// when a container is killed and comes back: one that Docker picks changes at every
// start, and a broker could not advertise it.
//
// It reserves nothing: somebody else may take a port before its container has it,
// which is rare and fails the start.
package hostport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"
)

// Loopback is where containers are published: to this machine alone.
const Loopback = "127.0.0.1"

// Ports are taken from below the range that Linux gives to outgoing connections:
// one of those could have the port of a broker that is down for a while.
const (
	lowestPort  = 20_000
	highestPort = 32_000
	portTries   = 100 // the range would have to be nearly full
)

// Free is host:port where nobody listens now.
func Free(host string) (string, error) {
	for range portTries {
		address := net.JoinHostPort(host, strconv.Itoa(lowestPort+rand.IntN(highestPort-lowestPort)))
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		return address, l.Close()
	}
	return "", fmt.Errorf("%s has no free port between %d and %d", host, lowestPort, highestPort)
}

// Publish binds ports of a container to addresses of this machine.
func Publish(addresses map[int]string) testcontainers.CustomizeRequestOption {
	return func(r *testcontainers.GenericContainerRequest) error {
		bindings := network.PortMap{}
		for inner, address := range addresses {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return err
			}
			port, err := network.ParsePort(strconv.Itoa(inner) + "/tcp")
			if err != nil {
				return err
			}
			bindings[port] = []network.PortBinding{{HostIP: at.Addr(), HostPort: strconv.Itoa(int(at.Port()))}}
			r.ExposedPorts = append(r.ExposedPorts, port.String())
		}
		return testcontainers.WithHostConfigModifier(func(h *container.HostConfig) { h.PortBindings = bindings })(r)
	}
}
