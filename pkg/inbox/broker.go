package inbox

import (
	"context"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// Broker is what an inbox needs of Kafka; [OnKafka] makes one of a client.
type Broker interface {
	// DescribeTopics, StartOffsets and EndOffsets are those of kafka.Client.
	DescribeTopics(ctx context.Context, names ...string) (map[string]kafka.TopicInfo, error)
	StartOffsets(ctx context.Context, tps ...kafka.TopicPartition) (map[kafka.TopicPartition]int64, error)
	EndOffsets(ctx context.Context, iso kafka.Isolation, tps ...kafka.TopicPartition) (map[kafka.TopicPartition]int64, error)
	// RunGroup makes the process a member of a group until ctx ends, and calls
	// handle once per generation, as kafka.RunGroup does.
	RunGroup(ctx context.Context, cfg kafka.GroupConfig, handle func(ctx context.Context, s Share) error) error
	// Fetcher returns a reader of committed records, which the caller closes.
	Fetcher() Fetcher
}

// Fetcher is what an inbox needs of a kafka.Fetcher.
type Fetcher interface {
	Fetch(ctx context.Context, positions map[kafka.TopicPartition]int64) ([]kafka.Page, error)
	Close()
}

// Share is what this process reads in one generation of the group.
type Share struct {
	// Partitions are sorted by topic and number.
	Partitions []kafka.TopicPartition
	// Report tells the cluster how far the group has read. It decides nothing.
	Report func(ctx context.Context, offsets map[kafka.TopicPartition]int64) error
}

// OnKafka returns the broker that a client leads to. The client should be the
// inbox's own: fetches wait on it. It stays the caller's to close.
func OnKafka(c *kafka.Client) Broker { return onKafka{c} }

type onKafka struct{ *kafka.Client }

func (k onKafka) RunGroup(ctx context.Context, cfg kafka.GroupConfig, handle func(context.Context, Share) error) error {
	return kafka.RunGroup(ctx, k.Client, cfg, func(ctx context.Context, a *kafka.Assignment) error {
		return handle(ctx, Share{Partitions: a.Partitions, Report: a.CommitOffsets})
	})
}

func (k onKafka) Fetcher() Fetcher {
	return kafka.NewFetcher(k.Client, kafka.FetcherConfig{Isolation: kafka.ReadCommitted})
}
