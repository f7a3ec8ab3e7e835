package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

const (
	defaultHeartbeatInterval = 500 * time.Millisecond
	// defaultSessionTimeout is the least that brokers allow by default.
	defaultSessionTimeout   = 6 * time.Second
	defaultRebalanceTimeout = 10 * time.Second
	defaultJoinBackoff      = 200 * time.Millisecond
	defaultWatchInterval    = time.Second
	// groupTimeout is how long the coordinator may take to answer.
	groupTimeout = 3 * time.Second

	minHandlerBackoff = 100 * time.Millisecond
	maxHandlerBackoff = 5 * time.Second
)

// GroupConfig has defaults for every field but ID and Topics.
type GroupConfig struct {
	ID     string   // of the group: members with the same ID share the partitions
	Topics []string // must be the same for all members

	HeartbeatInterval time.Duration // how soon a member learns of a rebalance; default 500 ms
	SessionTimeout    time.Duration // how long a crashed member keeps its partitions; default 6 s
	RebalanceTimeout  time.Duration // how long the coordinator waits for members to join again; default 10 s
	JoinBackoff       time.Duration // after a failed attempt to join; default 200 ms
	WatchInterval     time.Duration // how soon topics and partitions that appear are seen; default 1 s

	// OnError is told of every error that is survived: the group could not be
	// joined, a handler failed. It may be called concurrently. nil: they are lost.
	OnError func(error)
}

func (cfg GroupConfig) withDefaults() GroupConfig {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&cfg.HeartbeatInterval, defaultHeartbeatInterval)
	set(&cfg.SessionTimeout, defaultSessionTimeout)
	set(&cfg.RebalanceTimeout, defaultRebalanceTimeout)
	set(&cfg.JoinBackoff, defaultJoinBackoff)
	set(&cfg.WatchInterval, defaultWatchInterval)
	if cfg.OnError == nil {
		cfg.OnError = func(error) {}
	}
	return cfg
}

// Validate reports all faults at once.
func (cfg GroupConfig) Validate() error {
	full := cfg.withDefaults()
	var errs []error
	if cfg.ID == "" {
		errs = append(errs, errors.New("id is missing"))
	}
	if len(cfg.Topics) == 0 {
		errs = append(errs, errors.New("topics are missing"))
	}
	if slices.Contains(cfg.Topics, "") {
		errs = append(errs, errors.New("a topic has no name"))
	}
	for name, d := range map[string]time.Duration{
		"heartbeat interval": full.HeartbeatInterval, "session timeout": full.SessionTimeout,
		"rebalance timeout": full.RebalanceTimeout, "join backoff": full.JoinBackoff, "watch interval": full.WatchInterval,
	} {
		if d < time.Millisecond {
			errs = append(errs, fmt.Errorf("%s: %v is less than a millisecond", name, d))
		}
	}
	if full.HeartbeatInterval*3 > full.SessionTimeout {
		errs = append(errs, fmt.Errorf("heartbeat interval %v: at most a third of the session timeout %v", full.HeartbeatInterval, full.SessionTimeout))
	}
	if len(errs) == 0 {
		return nil
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return fmt.Errorf("group config: %w", errors.Join(errs...))
}

// Assignment is a member's share of the partitions in one generation of a group.
type Assignment struct {
	Generation int32
	MemberID   string
	Partitions []TopicPartition // sorted; empty if there are more members than partitions

	group   string
	client  *Client
	tracker *coordinatorTracker
}

// RunGroup makes the process a member of a consumer group until ctx is cancelled,
// and calls handle once per generation with the partitions that are its own. It
// brings no offsets: the handler reads its positions from where its effects go
// (and protects them there by compare-and-set, because a member that was cut off
// can go on for a while beside its successor), and fetches with a Fetcher.
//
// The ctx of handle ends with the generation; handle must then return soon, since
// the next generation waits for it. After SessionTimeout the others go on without
// this member, which joins again when handle has returned. An error of handle
// while its ctx lives is passed to OnError, and handle is called again, after a
// pause, in the same generation: nobody else is disturbed. A nil before the end
// leaves the partitions unread until the end.
//
// Partitions are assigned by range, topic by topic: topics with the same number
// of partitions share it alike, so the same key of several topics meets in one
// member. Topics that are missing are waited for; topics and partitions that
// appear later, or are recreated, start a new generation.
//
// RunGroup returns nil when ctx was cancelled, handle has returned and the group
// was left, which hands the partitions over at once. Cancelled in the middle of a
// rebalance, it waits for the end of that first, about RebalanceTimeout at most.
// It returns an error only for what will not pass: a wrong config, refused
// credentials, no right to the group. A cluster that is away is waited for.
func RunGroup(ctx context.Context, c *Client, cfg GroupConfig, handle func(ctx context.Context, a *Assignment) error) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	cfg = cfg.withDefaults()
	g := &group{client: c, cfg: cfg, handle: handle, tracker: &coordinatorTracker{}}
	if err := g.look(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	members, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{
		ID:      cfg.ID,
		Brokers: c.cfg.Brokers,
		Dialer: &kafkago.Dialer{
			ClientID:      c.cfg.ClientID,
			Timeout:       c.cfg.DialTimeout,
			DualStack:     true,
			TLS:           c.cfg.TLS,
			SASLMechanism: c.cfg.SASL,
		},
		Topics:            cfg.Topics,
		GroupBalancers:    []kafkago.GroupBalancer{rangeBalancer{c}},
		HeartbeatInterval: cfg.HeartbeatInterval,
		SessionTimeout:    cfg.SessionTimeout,
		RebalanceTimeout:  cfg.RebalanceTimeout,
		JoinGroupBackoff:  cfg.JoinBackoff,
		Timeout:           groupTimeout,
		// Its own watcher ends the generation over and over while a topic is
		// missing, and does not see one that was recreated. See watch.
		WatchPartitionChanges: false,
		StartOffset:           kafkago.FirstOffset, // unused: positions are the handler's
	})
	if err != nil {
		return fmt.Errorf("group %s: %w", cfg.ID, err)
	}
	err = g.run(ctx, members)
	_ = members.Close() // waits for the handler, then leaves; it has no error to give
	g.leave(ctx)
	return err
}

type group struct {
	client  *Client
	cfg     GroupConfig
	handle  func(context.Context, *Assignment) error
	tracker *coordinatorTracker
	member  string                // of the last generation; only run touches it
	seen    map[string]topicShape // at the last look; one generation at a time touches it
}

func (g *group) run(ctx context.Context, members *kafkago.ConsumerGroup) error {
	for {
		gen, err := members.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			g.member = gen.MemberID
			gen.Start(func(ended context.Context) { g.serve(ctx, ended, g.assignment(gen)) })
			continue
		}
		err = asError(err)
		if isFinal(err) {
			return fmt.Errorf("join group %s: %w", g.cfg.ID, err)
		}
		g.cfg.OnError(fmt.Errorf("join group %s: %w", g.cfg.ID, err))
	}
}

// isFinal tells what no retry changes.
func isFinal(err error) bool {
	const (
		inconsistentProtocol  Error = 23
		invalidGroupID        Error = 24
		invalidSessionTimeout Error = 26
		topicUnauthorized     Error = 29
		groupUnauthorized     Error = 30
	)
	var code Error
	return errors.As(err, &code) && slices.Contains([]Error{inconsistentProtocol, invalidGroupID, invalidSessionTimeout, topicUnauthorized, groupUnauthorized}, code)
}

func (g *group) assignment(gen *kafkago.Generation) *Assignment {
	a := &Assignment{Generation: gen.ID, MemberID: gen.MemberID, group: g.cfg.ID, client: g.client, tracker: g.tracker}
	for topic, partitions := range gen.Assignments {
		for _, p := range partitions {
			a.Partitions = append(a.Partitions, TopicPartition{topic, int32(p.ID)})
		}
	}
	slices.SortFunc(a.Partitions, comparePartitions)
	return a
}

// serve is the one worker of a generation. Its return ends the generation, for
// every member: so it returns when the generation is over, and not before, or
// when the topics changed and a new one is wanted.
func (g *group) serve(ctx, ended context.Context, a *Assignment) {
	if ended.Err() != nil {
		return // before it began: nobody would wait for a handler
	}
	// The generation's own context has no values, and an error of its own kind.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ended, cancel)()
	handled := make(chan struct{})
	go func() {
		defer close(handled)
		g.handleUntil(ctx, a)
	}()
	g.watch(ctx)
	cancel()
	<-handled
}

// handleUntil calls the handler until ctx ends.
func (g *group) handleUntil(ctx context.Context, a *Assignment) {
	for wait := minHandlerBackoff; ctx.Err() == nil; wait = min(2*wait, maxHandlerBackoff) {
		began := time.Now()
		err := g.handle(ctx, a)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			<-ctx.Done()
			return
		}
		g.cfg.OnError(fmt.Errorf("group %s, generation %d: %w", g.cfg.ID, a.Generation, err))
		if time.Since(began) > maxHandlerBackoff {
			wait = minHandlerBackoff // it had worked for a while
		}
		pause(ctx, wait)
	}
}
