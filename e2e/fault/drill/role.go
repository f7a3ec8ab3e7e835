//go:build e2e

package drill

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/e2e/fault/plan"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

const (
	// lookFor is how long a role is looked for: another fault may have taken the
	// broker that had it, and an election takes seconds.
	lookFor   = 20 * time.Second
	lookEvery = 200 * time.Millisecond
	// askFor bounds one question to brokers some of which do not answer.
	askFor = 3 * time.Second
)

// role says which node has a role now.
type role func(ctx context.Context, c *kgo.Client, choice uint64) (node int32, err error)

var roles = map[plan.Target]role{
	plan.OrdersLeader:        leaderOf("orders"),
	plan.PaymentsLeader:      leaderOf("payments"),
	plan.StockLeader:         leaderOf("stock"),
	plan.OrderTransactions:   coordinatorOf(transactions, "order-%d"),
	plan.PaymentTransactions: coordinatorOf(transactions, "payment-%d"),
	plan.OrderGroup:          coordinatorOf(groups, "order"),
	plan.InventoryGroup:      coordinatorOf(groups, "inventory"),
	plan.Controller:          controller,
}

// broker looks a role up, until there is a node that has it.
func (d *Drill) broker(ctx context.Context, f plan.Fault) (stack.Part, error) {
	c, err := d.kafka()
	if err != nil {
		return "", err
	}
	defer c.Close()
	var node int32
	err = until(ctx, lookFor, func(ctx context.Context) (err error) {
		ctx, cancel := context.WithTimeout(ctx, askFor)
		defer cancel()
		node, err = roles[f.Target](ctx, c, f.Choice)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("look for the %s: %w", f.Target, err)
	}
	return stack.Broker(int(node)), nil
}

func (d *Drill) kafka() (*kgo.Client, error) {
	return kgo.NewClient(kgo.SeedBrokers(strings.Split(d.stack.Addresses().Kafka, ",")...), kgo.MetadataMinAge(lookEvery), kgo.RetryTimeout(askFor))
}

// leaderOf is the leader of one of a topic's partitions.
func leaderOf(topic string) role {
	return func(ctx context.Context, c *kgo.Client, choice uint64) (int32, error) {
		ask := kmsg.NewPtrMetadataRequest()
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(topic)
		ask.Topics = append(ask.Topics, t)
		said, err := ask.RequestWith(ctx, c)
		if err != nil {
			return 0, err
		}
		for _, t := range said.Topics {
			for _, p := range t.Partitions {
				if p.Partition == int32(choice%uint64(len(t.Partitions))) && p.Leader > 0 {
					return p.Leader, nil
				}
			}
		}
		return 0, fmt.Errorf("no partition of %s has a leader", topic)
	}
}

const (
	groups       = 0 // kinds of keys that have a coordinator
	transactions = 1
)

// lanes is how many transactional ids a relay uses in turn.
const lanes = 2

// coordinatorOf is who coordinates a key, one of several if it has a verb.
func coordinatorOf(kind int8, key string) role {
	return func(ctx context.Context, c *kgo.Client, choice uint64) (int32, error) {
		ask := kmsg.NewPtrFindCoordinatorRequest()
		ask.CoordinatorType = kind
		ask.CoordinatorKey = key
		if strings.Contains(key, "%d") {
			ask.CoordinatorKey = fmt.Sprintf(key, choice%lanes)
		}
		said, err := ask.RequestWith(ctx, c)
		if err != nil {
			return 0, err
		}
		node := said.NodeID
		for _, s := range said.Coordinators { // newer brokers answer here
			if s.ErrorCode != 0 {
				return 0, fmt.Errorf("coordinator of %s: error code %d", s.Key, s.ErrorCode)
			}
			node = s.NodeID
		}
		if said.ErrorCode != 0 || node <= 0 {
			return 0, fmt.Errorf("coordinator of %s: node %d, error code %d", key, node, said.ErrorCode)
		}
		return node, nil
	}
}

// controller is the leader of the metadata quorum. What a metadata answer calls
// the controller is any broker.
func controller(ctx context.Context, c *kgo.Client, _ uint64) (int32, error) {
	ask := kmsg.NewPtrDescribeQuorumRequest()
	t := kmsg.NewDescribeQuorumRequestTopic()
	t.Topic = "__cluster_metadata"
	t.Partitions = append(t.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	ask.Topics = append(ask.Topics, t)
	said, err := ask.RequestWith(ctx, c)
	if err != nil {
		return 0, err
	}
	for _, t := range said.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode == 0 && p.LeaderID > 0 {
				return p.LeaderID, nil
			}
		}
	}
	return 0, fmt.Errorf("the quorum has no leader: error code %d", said.ErrorCode)
}

// until repeats try until it succeeds, or so long.
func until(ctx context.Context, within time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("not within %s", within))
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}
