//go:build e2e

package kafkacluster

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"
)

// Ports are taken from below the range that Linux gives to outgoing connections:
// one of those could have the port of a broker that is down for a while.
const (
	lowestPort  = 20_000
	highestPort = 32_000
	portTries   = 100 // the range would have to be nearly full
)

// freeAddress is an address of this machine that nobody listens on. It is fixed
// before a broker starts, so that the broker can advertise it and keeps it; a
// port that Docker picks changes with every start.
func freeAddress() (string, error) {
	for range portTries {
		address := fmt.Sprintf("127.0.0.1:%d", lowestPort+rand.IntN(highestPort-lowestPort))
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		return address, l.Close()
	}
	return "", errors.New("no free port")
}

// publish binds ports of a container to addresses of this machine.
func publish(addresses map[int]string) testcontainers.CustomizeRequestOption {
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
