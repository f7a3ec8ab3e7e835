//go:build e2e

package drill

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/murmuration-dev/murmuration/e2e/client"
	"github.com/murmuration-dev/murmuration/e2e/fault/plan"
	"github.com/murmuration-dev/murmuration/e2e/fault/sever"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

const (
	brokers = 3
	// diskFor is room for a database with so many orders: a kilobyte or so for each
	// event, index entry and version of a row, and its logs.
	diskBase     = 512 << 20
	diskForOrder = 40 << 10
)

// Start starts a platform for a drill on which about so many orders will be
// placed: three brokers, two replicas of each service, every database on a small
// disk of its own and behind a proxy. say is told what happens.
func Start(ctx context.Context, orders int, say func(format string, args ...any)) (*Drill, error) {
	d := &Drill{proxies: make(map[plan.Target]*sever.Proxy), orders: orders, say: say, busy: make(map[stack.Part]bool)}
	d.free = sync.NewCond(&d.mu)
	var err error
	d.stack, err = stack.NewContainers(ctx, stack.ContainersConfig{
		Brokers: brokers, Replicas: replicasOf,
		DatabaseDisk:  diskBase + int64(orders)*diskForOrder,
		DatabaseFront: d.front,
		// Position topics are cleaned under way, not once in fifteen seconds.
		KafkaSettings: map[string]string{"log.cleaner.backoff.ms": "1000"},
	})
	if err != nil {
		return nil, errors.Join(err, d.closeProxies())
	}
	d.client = client.New(d.stack)
	d.samples = sample(d.stack)
	return d, nil
}

// front puts a proxy before the database of a service.
func (d *Drill) front(service, database, host string) (string, error) {
	proxy, err := sever.Start(net.JoinHostPort(host, "0"), database)
	if err != nil {
		return "", fmt.Errorf("before the database of %s: %w", service, err)
	}
	for _, target := range databases {
		if services[target] == service {
			d.proxies[target] = proxy
		}
	}
	return proxy.Address(), nil
}

func (d *Drill) closeProxies() error {
	var errs []error
	for _, p := range d.proxies {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

// Stack is the platform.
func (d *Drill) Stack() *stack.Containers { return d.stack }

// Client is the customers' and operators' way to the platform, with their history.
func (d *Drill) Client() *client.Client { return d.client }

// Close removes the platform.
func (d *Drill) Close() error {
	d.samples.stop()
	d.client.Close()
	return errors.Join(d.stack.Close(), d.closeProxies())
}
