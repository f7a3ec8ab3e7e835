//go:build e2e

package drill

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/e2e/fault/plan"
)

// topics are what the targets that are topics stand for.
var topics = map[plan.Target][]string{
	plan.StateTopics:    {"orders", "payments", "reservations", "stock"},
	plan.PositionTopics: {"order-positions", "payment-positions", "inventory-positions"},
}

// otherSettings are what an operator might try. State topics roll segments and are
// compressed anew, but not compacted: the checker counts every record. Position
// topics are compacted as hard as they can be.
var otherSettings = map[plan.Target]map[string]string{
	plan.StateTopics:    {"segment.ms": "1000", "compression.type": "zstd", "min.cleanable.dirty.ratio": "0.01", "flush.messages": "1"},
	plan.PositionTopics: {"segment.ms": "1000", "compression.type": "gzip", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "0"},
}

const (
	topicResource = kmsg.ConfigResourceTypeTopic
	setByTopic    = kmsg.ConfigSourceDynamicTopicConfig
)

// change sets other settings on topics and returns what puts the old ones back.
func change(ctx context.Context, c *kgo.Client, target plan.Target) (undo func(context.Context, *kgo.Client) error, err error) {
	settings := otherSettings[target]
	before, err := settingsOf(ctx, c, topics[target], settings)
	if err != nil {
		return nil, err
	}
	after := make(map[string]map[string]*string)
	for _, topic := range topics[target] {
		after[topic] = make(map[string]*string)
		for name, value := range settings {
			after[topic][name] = kmsg.StringPtr(value)
		}
	}
	undo = func(ctx context.Context, c *kgo.Client) error { return alter(ctx, c, before) }
	if err := alter(ctx, c, after); err != nil {
		return nil, errors.Join(err, undo(ctx, c))
	}
	return undo, nil
}

// settingsOf reads the named settings of topics; nil for one that a topic has from
// the broker.
func settingsOf(ctx context.Context, c *kgo.Client, names []string, settings map[string]string) (map[string]map[string]*string, error) {
	ask := kmsg.NewPtrDescribeConfigsRequest()
	for _, name := range names {
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName = topicResource, name
		for setting := range settings {
			r.ConfigNames = append(r.ConfigNames, setting)
		}
		ask.Resources = append(ask.Resources, r)
	}
	said, err := ask.RequestWith(ctx, c)
	if err != nil {
		return nil, err
	}
	out := make(map[string]map[string]*string)
	for _, r := range said.Resources {
		if r.ErrorCode != 0 {
			return nil, fmt.Errorf("settings of %s: error code %d", r.ResourceName, r.ErrorCode)
		}
		out[r.ResourceName] = make(map[string]*string)
		for _, s := range r.Configs {
			out[r.ResourceName][s.Name] = nil
			if s.Source == setByTopic {
				out[r.ResourceName][s.Name] = s.Value
			}
		}
	}
	return out, nil
}

// alter sets settings of topics; nil takes one away.
func alter(ctx context.Context, c *kgo.Client, settings map[string]map[string]*string) error {
	ask := kmsg.NewPtrIncrementalAlterConfigsRequest()
	for topic, values := range settings {
		r := kmsg.NewIncrementalAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = topicResource, topic
		for name, value := range values {
			s := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
			s.Name, s.Value = name, value
			if value == nil {
				s.Op = kmsg.IncrementalAlterConfigOpDelete
			}
			r.Configs = append(r.Configs, s)
		}
		ask.Resources = append(ask.Resources, r)
	}
	said, err := ask.RequestWith(ctx, c)
	if err != nil {
		return err
	}
	for _, r := range said.Resources {
		if r.ErrorCode != 0 {
			return fmt.Errorf("change settings of %s: error code %d", r.ResourceName, r.ErrorCode)
		}
	}
	return nil
}

// moveLeaders makes the next replica of every partition its leader, as far as it
// is in sync.
func moveLeaders(ctx context.Context, c *kgo.Client, names []string) error {
	ask := kmsg.NewPtrMetadataRequest()
	for _, name := range names {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		ask.Topics = append(ask.Topics, t)
	}
	known, err := ask.RequestWith(ctx, c)
	if err != nil {
		return err
	}
	assign, elect := kmsg.NewPtrAlterPartitionAssignmentsRequest(), kmsg.NewPtrElectLeadersRequest()
	assign.TimeoutMillis, elect.TimeoutMillis = int32(askFor.Milliseconds()), int32(askFor.Milliseconds())
	for _, t := range known.Topics {
		to, of := kmsg.NewAlterPartitionAssignmentsRequestTopic(), kmsg.NewElectLeadersRequestTopic()
		to.Topic, of.Topic = *t.Topic, *t.Topic
		for _, p := range t.Partitions {
			if len(p.Replicas) == 0 {
				continue
			}
			next := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
			next.Partition = p.Partition
			next.Replicas = append(append(next.Replicas, p.Replicas[1:]...), p.Replicas[0])
			to.Partitions = append(to.Partitions, next)
			of.Partitions = append(of.Partitions, p.Partition)
		}
		assign.Topics, elect.Topics = append(assign.Topics, to), append(elect.Topics, of)
	}
	done, err := assign.RequestWith(ctx, c)
	if err != nil {
		return err
	}
	if done.ErrorCode != 0 {
		return errors.New("reassign: error code " + strconv.Itoa(int(done.ErrorCode)))
	}
	elected, err := elect.RequestWith(ctx, c)
	if err == nil && elected.ErrorCode != 0 {
		err = errors.New("elect: error code " + strconv.Itoa(int(elected.ErrorCode)))
	}
	return err
}
