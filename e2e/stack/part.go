//go:build e2e

package stack

import (
	"fmt"
	"strings"
	"time"
)

// The services, by name.
const (
	Order     = "order"
	Payment   = "payment"
	Inventory = "inventory"
)

var serviceNames = []string{Order, Payment, Inventory}

// The parts of a platform in containers that there is one of. Every part is known
// on the containers' network by its name.
const (
	Registry         Part = "registry"
	RegistryDatabase Part = "registry-db"
	Gateway          Part = "gateway"
)

// Replica is the part that is a replica of a service, from 1.
func Replica(service string, n int) Part { return Part(fmt.Sprintf("%s-%d", service, n)) }

// Database is the part that is a service's database.
func Database(service string) Part { return Part(service + "-db") }

// Broker is the part that is a broker, by its node id, from 1.
func Broker(node int) Part { return Part(fmt.Sprintf("%s%d", brokerPrefix, node)) }

const brokerPrefix = "kafka"

func (p Part) isBroker() bool { return strings.HasPrefix(string(p), brokerPrefix) }

func (p Part) stopTimeout() time.Duration {
	if p.isBroker() {
		return brokerStopTimeout
	}
	return stopTimeout
}
