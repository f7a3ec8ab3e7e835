// Package kafkatest runs a Kafka cluster inside the test process, with a proxy
// in front that makes the faults a network and a real broker have: lost answers,
// dropped connections, and the error codes that an in-process broker never gives
// by itself.
//
// The brokers are kfake's. They answer as Apache Kafka does in all that they
// check, but complete every transaction at once and know no replicas: what must
// hold on a real cluster has to be run on one as well.
package kafkatest

import (
	"net"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Start runs a cluster of one broker, or as the options say, until the test ends,
// and returns its addresses. Topics: kfake.SeedTopics(partitions, names...).
func Start(tb testing.TB, opts ...kfake.Opt) (brokers []string) {
	tb.Helper()
	return start(tb, opts).ListenAddrs()
}

// Cluster is a cluster whose every connection goes through a Proxy.
type Cluster struct {
	Brokers []string       // addresses of the proxy
	Proxy   *Proxy         // in front of all brokers
	Fake    *kfake.Cluster // to move leaders, compact, and so on
}

// StartCluster is Start with a Proxy in between. The brokers advertise the
// proxy's addresses, so a client meets it on every connection.
func StartCluster(tb testing.TB, opts ...kfake.Opt) *Cluster {
	tb.Helper()
	p := NewProxy(tb)
	listen := func(network, address string) (net.Listener, error) {
		backend, err := net.Listen(network, address)
		if err != nil {
			return nil, err
		}
		front, err := p.Forward(backend.Addr().String())
		if err != nil {
			return nil, err
		}
		return advertised{backend, front}, nil
	}
	fake := start(tb, append([]kfake.Opt{kfake.ListenFn(listen)}, opts...))
	return &Cluster{Brokers: fake.ListenAddrs(), Proxy: p, Fake: fake}
}

func start(tb testing.TB, opts []kfake.Opt) *kfake.Cluster {
	tb.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		tb.Fatalf("start cluster: %v", err)
	}
	tb.Cleanup(c.Close)
	return c
}

// advertised is a listener that gives another address as its own.
type advertised struct {
	net.Listener
	front net.Addr
}

func (a advertised) Addr() net.Addr { return a.front }
