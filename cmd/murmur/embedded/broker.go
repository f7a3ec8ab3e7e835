package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded/brokerlog"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/schemas"
)

// Broker is an embedded Kafka broker.
type Broker struct {
	cluster *kfake.Cluster
	address string
}

// cleanerBackoff is how often the broker compacts. It does not know
// min.compaction.lag.ms, so this stands in for it: within a day every record can
// still be counted.
const cleanerBackoff = "86400000"

// StartBroker starts a broker on an open listener, keeping its data in dir.
// Transactions that a killed broker left open there are ended first.
func StartBroker(listener net.Listener, dir string) (*Broker, error) {
	if _, err := brokerlog.Finish(dir); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	address := listener.Addr().String()
	handed := false
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.Ports(listener.Addr().(*net.TCPAddr).Port),
		kfake.ListenFn(func(_, _ string) (net.Listener, error) {
			if handed {
				return nil, errors.New("only one broker listens here")
			}
			handed = true
			return listener, nil
		}),
		kfake.DataDir(dir),
		kfake.BrokerConfigs(map[string]string{
			"group.initial.rebalance.delay.ms": "0",
			"log.cleaner.backoff.ms":           cleanerBackoff,
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	return &Broker{cluster: cluster, address: address}, nil
}

// Address is host:port.
func (b *Broker) Address() string { return b.address }

// Close stops the broker.
func (b *Broker) Close() { b.cluster.Close() }

// Topics are the declared topics as the broker is asked for them.
func Topics() []kafka.TopicSpec {
	catalogue := schemas.Topics()
	specs := make([]kafka.TopicSpec, len(catalogue))
	for i, t := range catalogue {
		specs[i] = kafka.TopicSpec{Name: t.Name, Partitions: t.Partitions, ReplicationFactor: -1, Configs: t.Configs}
	}
	return specs
}

// applyTopics creates the topics that are missing.
func applyTopics(ctx context.Context, cfg kafka.Config) error {
	client, err := kafka.NewClient(cfg)
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = client.ApplyTopics(ctx, Topics()...)
	return err
}
