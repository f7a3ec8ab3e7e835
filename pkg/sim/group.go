package sim

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

const (
	// session is after how long a silent member loses its partitions.
	session = 3 * time.Second
	// rebalancing is how long the coordinator waits for members to join again.
	rebalancing = 5 * time.Second
	// heartbeat bounds how long a member takes to learn of a rebalance.
	heartbeat = 500 * time.Millisecond
	// handlerPause is the wait after a handler failed.
	handlerPause = 100 * time.Millisecond
)

// group is a consumer group as its coordinator knows it.
type group struct {
	cluster    *cluster
	id         string
	topics     []string
	members    []*member
	generation int
	preparing  bool // members are asked to join again
}

// member is one process in a group.
type member struct {
	group  *group
	node   *Node
	joined chan []kafka.TopicPartition // the share of the next generation
	waits  bool                        // has joined, waits for the others
	over   chan struct{}               // closed when the generation is known to be over
	gone   bool                        // the coordinator has forgotten it
	left   bool                        // the process has given it up
}

func (b *broker) RunGroup(ctx context.Context, cfg kafka.GroupConfig, handle func(context.Context, inbox.Share) error) error {
	var m *member
	for {
		m = b.member(m)
		err := b.node.ask(ctx, "join group", cfg.ID, func() error {
			return b.cluster.group(cfg).join(m)
		})
		if err == nil {
			select {
			case share := <-m.joined:
				b.serve(ctx, cfg, m, share, handle)
			case <-ctx.Done():
			case <-b.node.world.ends:
				return nil
			}
		} else if cfg.OnError != nil && ctx.Err() == nil {
			cfg.OnError(err)
		}
		if ctx.Err() != nil {
			b.leaveGroup(m)
			return nil
		}
		if err != nil {
			_ = b.node.Sleep(ctx, handlerPause)
		}
	}
}

// serve runs one generation.
func (b *broker) serve(ctx context.Context, cfg kafka.GroupConfig, m *member, share []kafka.TopicPartition, handle func(context.Context, inbox.Share) error) {
	b.node.world.mu.Lock()
	over := m.over
	b.node.world.mu.Unlock()
	if over == nil { // before it began
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	handled := make(chan struct{})
	go func() {
		defer close(handled)
		for ctx.Err() == nil {
			err := handle(ctx, inbox.Share{Partitions: share, Report: func(ctx context.Context, _ map[kafka.TopicPartition]int64) error {
				return b.node.ask(ctx, "report offsets", cfg.ID, func() error { return nil })
			}})
			if err == nil {
				<-ctx.Done()
			} else if ctx.Err() == nil {
				if cfg.OnError != nil {
					cfg.OnError(err)
				}
				_ = b.node.Sleep(ctx, handlerPause)
			}
		}
	}()
	select {
	case <-over:
	case <-ctx.Done():
	case <-b.node.world.ends:
	}
	cancel()
	<-handled
}

// member returns what the process joins as: what it was, as long as the
// coordinator knows it.
func (b *broker) member(m *member) *member {
	w := b.node.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if m != nil && !m.gone {
		return m
	}
	return &member{node: b.node, joined: make(chan []kafka.TopicPartition, 1)}
}

func (b *broker) leaveGroup(m *member) {
	w := b.node.world
	w.mu.Lock()
	defer w.mu.Unlock()
	m.left = true
	if !w.over && m.group != nil && !b.node.dead {
		m.group.remove(m)
	}
}

func (c *cluster) group(cfg kafka.GroupConfig) *group {
	g := c.groups[cfg.ID]
	if g == nil {
		g = &group{cluster: c, id: cfg.ID, topics: slices.Clone(cfg.Topics)}
		slices.Sort(g.topics)
		c.groups[cfg.ID] = g
	}
	return g
}

// join makes a process wait for the next generation.
func (g *group) join(m *member) error {
	switch {
	case m.gone:
		return errUnknownMember
	case m.left, m.waits: // a request that comes late, or again
		return nil
	}
	if m.group == nil {
		m.group = g
		m.node.members[m] = struct{}{}
		g.members = append(g.members, m)
		if m.node.dead {
			m.silent() // the last that is heard of it
		}
	}
	if m.over != nil {
		m.tell() // what it does not remember to have asked took its generation from it
	}
	m.waits = true
	m.forgetShare()
	if !g.preparing {
		g.prepare()
	}
	g.complete()
	return nil
}

// errUnknownMember is the coordinator's answer to who was silent for too long.
var errUnknownMember = errors.New("the coordinator does not know this member")

func (m *member) forgetShare() {
	select {
	case <-m.joined:
	default:
	}
}

// prepare asks all members to join again.
func (g *group) prepare() {
	w := g.cluster.world
	g.generation++
	g.preparing = true
	for _, m := range g.members {
		if !m.waits && m.over != nil {
			m.tell()
		}
	}
	now := g.generation
	w.later(rebalancing, func() {
		if g.generation != now || !g.preparing {
			return
		}
		for _, m := range slices.Clone(g.members) {
			if !m.waits {
				g.forget(m)
			}
		}
		g.complete()
	})
}

// tell lets a member learn, at its next heartbeat, that its generation is over.
func (m *member) tell() {
	w := m.node.world
	over := m.over
	m.over = nil
	d := w.dice("heartbeat " + m.node.Name)
	wait := d.between(fastest, heartbeat)
	if m.node.asleep.After(time.Now()) {
		wait += time.Until(m.node.asleep)
	}
	w.later(wait, func() { close(over) })
}

// complete starts the generation once all members have joined.
func (g *group) complete() {
	if slices.ContainsFunc(g.members, func(m *member) bool { return !m.waits }) {
		return
	}
	g.preparing = false
	if len(g.members) == 0 {
		return
	}
	g.generation++
	slices.SortFunc(g.members, func(a, b *member) int { return cmp.Compare(a.node.hash, b.node.hash) })
	shares := make([][]kafka.TopicPartition, len(g.members))
	for _, name := range g.topics {
		t := g.cluster.topics[name]
		if t == nil {
			continue
		}
		each, rest := len(t.partitions)/len(g.members), len(t.partitions)%len(g.members)
		next := 0
		for i := range g.members {
			n := each
			if i < rest {
				n++
			}
			for range n {
				shares[i] = append(shares[i], kafka.TopicPartition{Topic: name, Partition: int32(next)})
				next++
			}
		}
	}
	for i, m := range g.members {
		m.waits, m.over = false, make(chan struct{})
		m.forgetShare() // of a generation that the process never heard of
		m.joined <- shares[i]
	}
	g.cluster.world.event(nil, "group "+g.id+" has a new generation")
}

// remove is what follows from a member that left or is taken for dead.
func (g *group) remove(m *member) {
	if m.gone {
		return
	}
	g.forget(m)
	if !g.preparing && len(g.members) > 0 {
		g.prepare()
	}
	g.complete()
}

// forget takes a member out, which does not learn of it before it asks again.
func (g *group) forget(m *member) {
	m.gone, m.waits = true, false
	delete(m.node.members, m)
	g.members = slices.DeleteFunc(g.members, func(o *member) bool { return o == m })
	if m.over != nil {
		m.tell()
	}
}

// silent is a member that sends no heartbeats: its process died, or stands still.
func (m *member) silent() {
	w := m.node.world
	w.later(session, func() {
		if m.node.dead || m.node.asleep.After(time.Now()) {
			m.group.remove(m)
		}
	})
}

// rebalance starts a new generation of a service's groups.
func (c *cluster) rebalance(service string) bool {
	found := false
	for _, id := range sortedKeys(c.groups) {
		g := c.groups[id]
		if g.preparing || !slices.ContainsFunc(g.members, func(m *member) bool { return m.node.Service == service }) {
			continue
		}
		found = true
		c.world.event(nil, "group "+g.id+" is rebalanced")
		g.prepare()
	}
	return found
}
