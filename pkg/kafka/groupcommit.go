package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	apiOffsetCommit int16 = 8
	apiLeaveGroup   int16 = 13

	// leaveTimeout bounds the farewell of a member that shuts down.
	leaveTimeout = 2 * time.Second
)

// CommitOffsets tells the cluster how far the group has read, for lag tools to
// show: offset is the next record to read. It decides nothing, since positions
// live with the effects, so call it after they are durable and take its failure
// as harmless. It is one attempt. A member of an older generation is refused.
// Safe for concurrent use.
func (a *Assignment) CommitOffsets(ctx context.Context, offsets map[TopicPartition]int64) error {
	if len(offsets) == 0 {
		return nil
	}
	err := a.commit(ctx, offsets)
	if err != nil {
		a.tracker.forget()
		return fmt.Errorf("commit offsets of group %s: %w", a.group, err)
	}
	return nil
}

func (a *Assignment) commit(ctx context.Context, offsets map[TopicPartition]int64) error {
	const version = 8
	node, err := a.tracker.find(ctx, a.client, a.group)
	if err != nil {
		return err
	}
	e := encoder{}
	e.str(a.group)
	e.i32(a.Generation)
	e.str(a.MemberID)
	e.nullStr() // not a static member
	groups := byTopic(slices.Collect(maps.Keys(offsets)))
	e.arr(len(groups))
	for _, g := range groups {
		e.str(g.topic)
		e.arr(len(g.partitions))
		for _, p := range g.partitions {
			e.i32(p)
			e.i64(offsets[TopicPartition{g.topic, p}])
			e.i32(-1) // leader epoch: not known
			e.nullStr()
			e.tags()
		}
		e.tags()
	}
	e.tags()
	d, err := a.client.do(ctx, node, apiOffsetCommit, version, true, e.b)
	if err != nil {
		return err
	}
	d.i32() // throttle time
	var errs []error
	for n := d.arr(); n > 0 && !d.err; n-- {
		topic := d.str()
		for m := d.arr(); m > 0 && !d.err; m-- {
			tp := TopicPartition{topic, d.i32()}
			if code := d.i16(); code != 0 {
				errs = append(errs, fmt.Errorf("%s: %w", tp, Error(code)))
			}
			d.tags(nil)
		}
		d.tags(nil)
	}
	return firstFatal(append(errs, d.ok()))
}

// leave says goodbye once more: a member that was asked to stop in the middle of
// a rebalance would stay in the group, owning partitions, until its session ends.
// That the member is gone already is the usual case.
func (g *group) leave(ctx context.Context) {
	if g.member == "" {
		return
	}
	const version = 4
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	node, err := g.tracker.find(ctx, g.client, g.cfg.ID)
	if err == nil {
		e := encoder{}
		e.str(g.cfg.ID)
		e.arr(1)
		e.str(g.member)
		e.nullStr() // not a static member
		e.tags()
		e.tags()
		_, err = g.client.do(ctx, node, apiLeaveGroup, version, true, e.b)
	}
	if err != nil {
		g.cfg.OnError(fmt.Errorf("leave group %s: %w", g.cfg.ID, err))
	}
}

// coordinatorTracker remembers which broker coordinates a group.
type coordinatorTracker struct {
	mu   sync.Mutex
	node int32
	set  bool
}

func (t *coordinatorTracker) find(ctx context.Context, c *Client, group string) (int32, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.set {
		return t.node, nil
	}
	node, err := c.coordinator(ctx, groupCoordinator, group)
	if err != nil {
		return anyBroker, err
	}
	t.node, t.set = node, true
	return node, nil
}

func (t *coordinatorTracker) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.set = false
}
