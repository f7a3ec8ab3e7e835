package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	kafkago "github.com/segmentio/kafka-go"
)

// look reads the topics before the group is joined. Whatever changes from then on
// is a change, also while the members were just being assigned their shares.
func (g *group) look(ctx context.Context) (err error) {
	for {
		g.seen, err = g.client.shapes(ctx, g.cfg.Topics)
		switch {
		case err == nil, ctx.Err() != nil:
			return nil
		case !retriable(err) && !errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("group %s: look at topics: %w", g.cfg.ID, err)
		}
		g.cfg.OnError(fmt.Errorf("group %s: look at topics: %w", g.cfg.ID, err))
		if !pause(ctx, g.cfg.JoinBackoff) {
			return nil
		}
	}
}

// watch returns when ctx ends, or when the topics of the group are no longer what
// they were at the last look: created, recreated, deleted, or grown.
func (g *group) watch(ctx context.Context) {
	for pause(ctx, g.cfg.WatchInterval) {
		now, err := g.client.shapes(ctx, g.cfg.Topics)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			g.cfg.OnError(fmt.Errorf("group %s: watch topics: %w", g.cfg.ID, err))
		case !maps.Equal(g.seen, now):
			g.seen = now
			return
		}
	}
}

// topicShape is what a rebalance depends on.
type topicShape struct {
	id         TopicID
	partitions int
}

// shapes leaves out topics that do not exist.
func (c *Client) shapes(ctx context.Context, topics []string) (map[string]topicShape, error) {
	infos, err := c.DescribeTopics(ctx, topics...)
	if err != nil && !errors.As(err, new(missingError)) {
		return nil, err
	}
	out := make(map[string]topicShape, len(infos))
	for name, info := range infos {
		out[name] = topicShape{info.ID, len(info.Partitions)}
	}
	return out, nil
}

// rangeBalancer gives each member a run of consecutive partitions of every topic
// that it asked for. It looks the partitions up by itself: kafka-go's lookup
// yields none at all when one of several topics is missing.
type rangeBalancer struct{ client *Client }

func (rangeBalancer) ProtocolName() string      { return "range" }
func (rangeBalancer) UserData() ([]byte, error) { return nil, nil }

func (b rangeBalancer) AssignGroups(members []kafkago.GroupMember, found []kafkago.Partition) kafkago.GroupMemberAssignments {
	counts := map[string]int{}
	for _, p := range found {
		counts[p.Topic]++
	}
	ctx, cancel := context.WithTimeout(context.Background(), groupTimeout)
	defer cancel()
	if shapes, err := b.client.shapes(ctx, topicsOfMembers(members)); err == nil {
		for topic, s := range shapes {
			counts[topic] = s.partitions
		}
	}
	return assignRanges(members, counts)
}

func topicsOfMembers(members []kafkago.GroupMember) []string {
	var topics []string
	for _, m := range members {
		topics = append(topics, m.Topics...)
	}
	slices.Sort(topics)
	return slices.Compact(topics)
}

// assignRanges splits n partitions among k members so that shares differ by one
// at most, the same members getting more of every topic.
func assignRanges(members []kafkago.GroupMember, counts map[string]int) kafkago.GroupMemberAssignments {
	members = slices.SortedFunc(slices.Values(members), func(a, b kafkago.GroupMember) int { return cmp.Compare(a.ID, b.ID) })
	out := make(kafkago.GroupMemberAssignments, len(members))
	for _, m := range members {
		out[m.ID] = map[string][]int{}
	}
	for topic, n := range counts {
		var takers []string
		for _, m := range members {
			if slices.Contains(m.Topics, topic) {
				takers = append(takers, m.ID)
			}
		}
		for i, id := range takers {
			for p := n * i / len(takers); p < n*(i+1)/len(takers); p++ {
				out[id][topic] = append(out[id][topic], p)
			}
		}
	}
	return out
}
