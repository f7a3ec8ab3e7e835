package checker

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// partition names one partition of a topic.
type partition struct {
	topic string
	id    int32
}

// boundary is one of the offsets that a broker tells of a partition.
type boundary struct {
	timestamp int64
	isolation int8
}

var (
	earliest = boundary{timestamp: -2}
	latest   = boundary{timestamp: -1}
	stable   = boundary{timestamp: -1, isolation: 1}
)

// seeds takes the brokers of an address apart.
func seeds(brokers string) []string { return strings.Split(brokers, ",") }

// offsets asks for one boundary of every partition.
func offsets(ctx context.Context, brokers string, of boundary, names []string) (map[partition]int64, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds(brokers)...))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ask := kmsg.NewPtrMetadataRequest()
	for _, name := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		ask.Topics = append(ask.Topics, t)
	}
	known, err := ask.RequestWith(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	list := kmsg.NewPtrListOffsetsRequest()
	list.ReplicaID, list.IsolationLevel = -1, of.isolation
	for _, t := range known.Topics {
		if t.ErrorCode != 0 {
			return nil, fmt.Errorf("metadata of %s: error code %d", *t.Topic, t.ErrorCode)
		}
		each := kmsg.NewListOffsetsRequestTopic()
		each.Topic = *t.Topic
		for _, p := range t.Partitions {
			end := kmsg.NewListOffsetsRequestTopicPartition()
			end.Partition, end.Timestamp = p.Partition, of.timestamp
			each.Partitions = append(each.Partitions, end)
		}
		list.Topics = append(list.Topics, each)
	}
	out := make(map[partition]int64)
	for _, shard := range client.RequestSharded(ctx, list) {
		if shard.Err != nil {
			return nil, fmt.Errorf("list offsets: %w", shard.Err)
		}
		for _, t := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, p := range t.Partitions {
				if p.ErrorCode != 0 {
					return nil, fmt.Errorf("offset of %s/%d: error code %d", t.Topic, p.Partition, p.ErrorCode)
				}
				out[partition{t.Topic, p.Partition}] = p.Offset
			}
		}
	}
	return out, nil
}

// openTransactions is an error that names the partitions in which a transaction
// has not ended: everything behind it is withheld from committed readers.
func openTransactions(ctx context.Context, brokers string) (open, err error) {
	all := append(stateTopics(), positionTopics...)
	firm, err := offsets(ctx, brokers, stable, all)
	if err != nil {
		return nil, err
	}
	ends, err := offsets(ctx, brokers, latest, all)
	if err != nil {
		return nil, err
	}
	for p, end := range ends {
		if firm[p] < end {
			open = errors.Join(open, fmt.Errorf("a transaction is open in %s/%d: stable up to %d of %d", p.topic, p.id, firm[p], end))
		}
	}
	return open, nil
}
