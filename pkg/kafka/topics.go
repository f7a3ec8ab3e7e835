package kafka

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// TopicID is the identity of a topic: a topic that is deleted and created again
// has the same name and another id. Keep it beside every position.
type TopicID [16]byte

// String is the form that Kafka's own tools print: base64url without padding.
func (id TopicID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// ParseTopicID reads that form.
func ParseTopicID(s string) (TopicID, error) {
	var id TopicID
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return TopicID{}, fmt.Errorf("topic id %q: want %d bytes in base64url", s, len(id))
	}
	return TopicID(b), nil
}

// TopicSpec declares a topic.
type TopicSpec struct {
	Name       string
	Partitions int32
	// ReplicationFactor is used when the topic is created; -1, or 0, leaves it to
	// the broker. It is not verified: operators change it.
	ReplicationFactor int16
	// Configs by Kafka's names, "cleanup.policy" say. What is not named is left
	// alone.
	Configs map[string]string
}

func (s TopicSpec) validate() error {
	const maxName = 249 // Kafka's own limit
	var errs []error
	if s.Name == "" || len(s.Name) > maxName || strings.Trim(s.Name, topicAlphabet) != "" || s.Name == "." || s.Name == ".." {
		errs = append(errs, errors.New("not a topic name"))
	}
	if s.Partitions < 1 {
		errs = append(errs, fmt.Errorf("%d partitions", s.Partitions))
	}
	if s.ReplicationFactor < -1 {
		errs = append(errs, fmt.Errorf("replication factor %d", s.ReplicationFactor))
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("topic spec %q: %w", s.Name, errors.Join(errs...))
}

const topicAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

func validateSpecs(specs []TopicSpec) error {
	var errs []error
	seen := map[string]bool{}
	for _, s := range specs {
		errs = append(errs, s.validate())
		if seen[s.Name] {
			errs = append(errs, fmt.Errorf("topic spec %q: declared twice", s.Name))
		}
		seen[s.Name] = true
	}
	return errors.Join(errs...)
}

func specNames(specs []TopicSpec) []string {
	names := make([]string, len(specs))
	for i, s := range specs {
		names[i] = s.Name
	}
	return names
}

// TopicInfo is a topic as the cluster describes it.
type TopicInfo struct {
	Name       string
	ID         TopicID
	Partitions []PartitionInfo // in order of ID
}

// PartitionInfo is one partition. Leader is -1 while there is none.
type PartitionInfo struct {
	ID, Leader       int32
	Replicas, InSync []int32
}

// DescribeTopics asks the cluster, never a cache. Topics that do not exist are
// one ErrUnknownTopic naming each; what exists is returned beside it.
func (c *Client) DescribeTopics(ctx context.Context, names ...string) (map[string]TopicInfo, error) {
	out := make(map[string]TopicInfo, len(names))
	err := patiently(ctx, func(ctx context.Context) error {
		m, err := c.metadata(ctx, names...)
		if err != nil {
			return err
		}
		clear(out)
		var errs, missing []error
		for _, t := range m.Topics {
			switch {
			case errors.Is(t.Err, ErrUnknownTopic):
				missing = append(missing, fmt.Errorf("%q: %w", t.Name, t.Err))
			case t.Err != nil:
				errs = append(errs, fmt.Errorf("%q: %w", t.Name, t.Err))
			default:
				out[t.Name] = t.info()
			}
		}
		if err := firstFatal(errs); err != nil || len(missing) == 0 {
			return err
		}
		return missingError{errors.Join(missing...)}
	})
	if err != nil {
		return out, fmt.Errorf("describe topics: %w", err)
	}
	return out, nil
}

func (t topicMetadata) info() TopicInfo {
	info := TopicInfo{Name: t.Name, ID: t.ID, Partitions: make([]PartitionInfo, len(t.Partitions))}
	for i, p := range t.Partitions {
		info.Partitions[i] = PartitionInfo{ID: p.ID, Leader: p.Leader, Replicas: p.Replicas, InSync: p.ISR}
	}
	return info
}

func (i TopicInfo) led() bool {
	return len(i.Partitions) > 0 && !slices.ContainsFunc(i.Partitions, func(p PartitionInfo) bool { return p.Leader < 0 })
}

// TopicMismatch is one difference between a spec and the cluster.
type TopicMismatch struct {
	Topic string
	// What differs: "existence", "partitions", or the name of a config.
	What            string
	Expected, Found string
}

func (m TopicMismatch) String() string {
	if m.What == mismatchExistence {
		return fmt.Sprintf("%s: missing", m.Topic)
	}
	return fmt.Sprintf("%s: %s: expected %q, found %q", m.Topic, m.What, m.Expected, m.Found)
}

const (
	mismatchExistence  = "existence"
	mismatchPartitions = "partitions"
)

// TopicMismatchError lists every difference, by topic in the order of the specs.
type TopicMismatchError struct{ Mismatches []TopicMismatch }

func (e *TopicMismatchError) Error() string {
	lines := make([]string, len(e.Mismatches))
	for i, m := range e.Mismatches {
		lines[i] = m.String()
	}
	return "topics are not as declared: " + strings.Join(lines, "; ")
}

// VerifyTopics compares the cluster with specs and changes nothing. It returns
// nil, or a *TopicMismatchError with everything that differs: topics that do not
// exist, partition counts, every named config. Another error means that the
// cluster could not be asked.
func (c *Client) VerifyTopics(ctx context.Context, specs ...TopicSpec) error {
	if err := validateSpecs(specs); err != nil {
		return fmt.Errorf("verify topics: %w", err)
	}
	found, err := c.survey(ctx, specs)
	if err != nil {
		return fmt.Errorf("verify topics: %w", err)
	}
	var all []TopicMismatch
	for _, s := range specs {
		all = append(all, found.compare(s)...)
	}
	if len(all) > 0 {
		return &TopicMismatchError{all}
	}
	return nil
}

// state is what the cluster has of the specs.
type state struct {
	topics  map[string]TopicInfo
	configs map[string]map[string]string // by topic, the named ones
}

func (c *Client) survey(ctx context.Context, specs []TopicSpec) (state, error) {
	s := state{}
	var err error
	if len(specs) == 0 {
		return s, nil
	}
	if s.topics, err = c.DescribeTopics(ctx, specNames(specs)...); err != nil && !errors.As(err, new(missingError)) {
		return s, err
	}
	s.configs, err = c.describeConfigs(ctx, slices.DeleteFunc(slices.Clone(specs), func(t TopicSpec) bool {
		_, exists := s.topics[t.Name]
		return !exists || len(t.Configs) == 0
	}))
	return s, err
}

func (s state) compare(spec TopicSpec) []TopicMismatch {
	info, exists := s.topics[spec.Name]
	if !exists {
		return []TopicMismatch{{Topic: spec.Name, What: mismatchExistence, Expected: "exists", Found: "missing"}}
	}
	var out []TopicMismatch
	if n := int32(len(info.Partitions)); n != spec.Partitions {
		out = append(out, TopicMismatch{spec.Name, mismatchPartitions, strconv.Itoa(int(spec.Partitions)), strconv.Itoa(int(n))})
	}
	return append(out, s.compareConfigs(spec)...)
}

func (s state) compareConfigs(spec TopicSpec) []TopicMismatch {
	var out []TopicMismatch
	for _, name := range sortedKeys(spec.Configs) {
		want, got := spec.Configs[name], s.configs[spec.Name][name]
		if !sameConfig(want, got) {
			out = append(out, TopicMismatch{spec.Name, name, want, got})
		}
	}
	return out
}

// sameConfig compares values as Kafka does: the order of a list does not matter,
// nor how a number is written: brokers show a ratio of 1 as 1.0.
func sameConfig(a, b string) bool {
	return slices.EqualFunc(listItems(a), listItems(b), func(a, b string) bool { return a == b || sameNumber(a, b) })
}

func sameNumber(a, b string) bool {
	_, errWholeA := strconv.ParseInt(a, 10, 64)
	_, errWholeB := strconv.ParseInt(b, 10, 64)
	if errWholeA == nil && errWholeB == nil {
		return false // written alike if they are the same; a float would round them
	}
	x, errA := strconv.ParseFloat(a, 64)
	y, errB := strconv.ParseFloat(b, 64)
	return errA == nil && errB == nil && x == y
}

func listItems(s string) []string {
	items := strings.Split(s, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	slices.Sort(items)
	return items
}
