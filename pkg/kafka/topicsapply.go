package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// TopicChange is one thing that ApplyTopics did.
type TopicChange struct {
	Topic    string
	Created  bool   // the topic was created, with all the configs of its spec
	Config   string // else: the config that was changed
	From, To string // its values
}

func (ch TopicChange) String() string {
	if ch.Created {
		return fmt.Sprintf("created topic %s", ch.Topic)
	}
	return fmt.Sprintf("topic %s: %s changed from %q to %q", ch.Topic, ch.Config, ch.From, ch.To)
}

const (
	// createTimeout is how long the controller may take to create topics.
	createTimeout = 15 * time.Second
	// leaderPoll paces the wait for the leaders of new topics, and for configs.
	leaderPoll = 20 * time.Millisecond
)

// ApplyTopics makes the cluster agree with specs: it creates the topics that are
// missing, sets the named configs that differ, and returns when every partition
// has a leader and the broker that it asks shows what was set. It never deletes, never resets a config that is not named, and
// never changes a partition count, because that would move keys to other
// partitions; such a difference is a *TopicMismatchError, and the rest is done.
//
// Applying the same specs again changes nothing, and several processes may apply
// them at once. What was done is returned even beside an error.
func (c *Client) ApplyTopics(ctx context.Context, specs ...TopicSpec) ([]TopicChange, error) {
	if err := validateSpecs(specs); err != nil {
		return nil, fmt.Errorf("apply topics: %w", err)
	}
	changes, err := c.createMissing(ctx, specs)
	if err == nil {
		err = c.awaitLeaders(ctx, specs)
	}
	if err != nil {
		return changes, fmt.Errorf("apply topics: %w", err)
	}
	found, err := c.survey(ctx, specs)
	if err != nil {
		return changes, fmt.Errorf("apply topics: %w", err)
	}
	var wrong []TopicMismatch
	var alter []TopicMismatch
	for _, s := range specs {
		for _, m := range found.compare(s) {
			if m.What == mismatchExistence || m.What == mismatchPartitions {
				wrong = append(wrong, m)
			} else {
				alter = append(alter, m)
			}
		}
	}
	altered, err := c.alterConfigs(ctx, alter)
	changes = append(changes, altered...)
	if err == nil && len(altered) > 0 {
		err = c.awaitConfigs(ctx, specs)
	}
	if len(wrong) > 0 {
		err = errors.Join(&TopicMismatchError{wrong}, err)
	}
	if err != nil {
		return changes, fmt.Errorf("apply topics: %w", err)
	}
	return changes, nil
}

func (c *Client) createMissing(ctx context.Context, specs []TopicSpec) ([]TopicChange, error) {
	if len(specs) == 0 {
		return nil, nil
	}
	exist, err := c.DescribeTopics(ctx, specNames(specs)...)
	if err != nil && !errors.As(err, new(missingError)) {
		return nil, err
	}
	missing := slices.DeleteFunc(slices.Clone(specs), func(s TopicSpec) bool {
		_, ok := exist[s.Name]
		return ok
	})
	var changes []TopicChange
	err = patiently(ctx, func(ctx context.Context) error {
		created, err := c.createTopics(ctx, missing)
		for _, name := range created {
			changes = append(changes, TopicChange{Topic: name, Created: true})
			missing = slices.DeleteFunc(missing, func(s TopicSpec) bool { return s.Name == name })
		}
		return err
	})
	return changes, err
}

// createTopics returns the names of the topics that it made. A topic that exists
// was made by somebody else, or by our own request whose answer was lost: both
// are as good.
func (c *Client) createTopics(ctx context.Context, specs []TopicSpec) (created []string, err error) {
	if len(specs) == 0 {
		return nil, nil
	}
	m, err := c.metadata(ctx)
	if err != nil {
		return nil, err
	}
	const apiCreateTopics, version = 19, 5
	d, err := c.do(ctx, m.Controller, apiCreateTopics, version, true, encodeCreateTopics(specs))
	if err != nil {
		return nil, fmt.Errorf("create topics: %w", err)
	}
	d.i32() // throttle time
	var errs []error
	for n := d.arr(); n > 0 && !d.err; n-- {
		name, code, message := d.str(), d.i16(), d.str()
		d.i32() // partitions
		d.i16() // replication factor
		for k := d.arr(); k > 0 && !d.err; k-- {
			skipCreatedConfig(&d)
		}
		d.tags(nil)
		switch Error(code) {
		case 0:
			created = append(created, name)
		case codeTopicAlreadyExists:
		default:
			errs = append(errs, withMessage(fmt.Sprintf("create topic %q", name), code, message))
		}
	}
	return created, joinFatal(append(errs, d.ok()))
}

func skipCreatedConfig(d *decoder) {
	d.str()     // name
	d.str()     // value
	d.boolean() // read only
	d.i8()      // source
	d.boolean() // sensitive
	d.tags(nil)
}

func encodeCreateTopics(specs []TopicSpec) []byte {
	e := encoder{}
	e.arr(len(specs))
	for _, s := range specs {
		e.str(s.Name)
		e.i32(s.Partitions)
		if s.ReplicationFactor == 0 {
			s.ReplicationFactor = -1
		}
		e.i16(s.ReplicationFactor)
		e.arr(0) // assignments: up to the controller
		e.arr(len(s.Configs))
		for _, name := range sortedKeys(s.Configs) {
			e.str(name)
			e.str(s.Configs[name])
			e.tags()
		}
		e.tags()
	}
	e.i32(int32(createTimeout / time.Millisecond))
	e.boolean(false) // validate only
	e.tags()
	return e.b
}

// awaitLeaders returns when every partition of every topic has a leader. A topic
// that was just created can still be unknown to the broker asked.
func (c *Client) awaitLeaders(ctx context.Context, specs []TopicSpec) error {
	if len(specs) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		infos, err := c.DescribeTopics(ctx, specNames(specs)...)
		switch {
		case err != nil && !errors.Is(err, ErrUnknownTopic):
			return err
		case err == nil && !slices.ContainsFunc(slices.Collect(maps.Values(infos)), func(i TopicInfo) bool { return !i.led() }):
			c.forgetLeaders(specNames(specs)...)
			return nil
		}
		if !pause(ctx, leaderPoll) {
			return errors.Join(fmt.Errorf("wait for leaders: %w", ctx.Err()), err)
		}
	}
}

// awaitConfigs returns when the configs are as declared. The controller agrees to a
// change before the brokers have heard of it: a look right after would find the
// old value, and a second change, back to it, would be left out.
func (c *Client) awaitConfigs(ctx context.Context, specs []TopicSpec) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		found, err := c.survey(ctx, specs)
		var behind []TopicMismatch
		for _, s := range specs {
			behind = append(behind, found.compareConfigs(s)...)
		}
		if err != nil || len(behind) == 0 {
			return err
		}
		if !pause(ctx, leaderPoll) {
			return fmt.Errorf("wait for configs: %w: %w", ctx.Err(), &TopicMismatchError{behind})
		}
	}
}

// withMessage is the error of one item, with the words of the broker.
func withMessage(what string, code int16, message string) error {
	if message == "" {
		return fmt.Errorf("%s: %w", what, Error(code))
	}
	return fmt.Errorf("%s: %w: %s", what, Error(code), message)
}

// joinFatal keeps everything that will not pass, or else one that may.
func joinFatal(errs []error) error {
	fatal := slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return err == nil || retriable(err) })
	if len(fatal) > 0 {
		return errors.Join(fatal...)
	}
	return firstFatal(errs)
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
