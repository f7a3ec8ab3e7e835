package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
)

type clusterMetadata struct {
	Controller int32
	Brokers    []int32
	Topics     []topicMetadata
}

type topicMetadata struct {
	Name       string
	ID         [16]byte
	Err        error               // an Error: the other fields are then empty
	Partitions []partitionMetadata // in order of ID
}

type partitionMetadata struct {
	ID       int32
	Leader   int32 // -1: none at the moment
	Replicas []int32
	ISR      []int32
	Err      error
}

// metadata asks a broker, never a cache: the Transport does not notice that a
// leader moved. Without topics it describes the brokers only. A topic that does
// not exist is reported in its entry; no topic is ever created.
func (c *Client) metadata(ctx context.Context, topics ...string) (clusterMetadata, error) {
	e := encoder{}
	e.arr(len(topics))
	for _, t := range topics {
		e.raw(make([]byte, 16)) // no id: by name
		e.str(t)
		e.tags()
	}
	e.boolean(false) // allow_auto_topic_creation
	e.boolean(false) // include_topic_authorized_operations
	e.tags()
	d, err := c.do(ctx, anyBroker, apiMetadata, metadataVersion, true, e.b)
	if err != nil {
		return clusterMetadata{}, fmt.Errorf("metadata: %w", err)
	}
	m := decodeMetadata(&d)
	if err := d.ok(); err != nil {
		return clusterMetadata{}, fmt.Errorf("metadata: %w", err)
	}
	return m, nil
}

func decodeMetadata(d *decoder) clusterMetadata {
	var m clusterMetadata
	d.i32() // throttle time
	for n := d.arr(); n > 0 && !d.err; n-- {
		m.Brokers = append(m.Brokers, d.i32())
		d.str() // host
		d.i32() // port
		d.str() // rack
		d.tags(nil)
	}
	d.str() // cluster id
	m.Controller = d.i32()
	for n := d.arr(); n > 0 && !d.err; n-- {
		t := topicMetadata{Err: codeError(d.i16()), Name: d.str()}
		copy(t.ID[:], d.take(len(t.ID)))
		d.boolean() // internal
		for k := d.arr(); k > 0 && !d.err; k-- {
			t.Partitions = append(t.Partitions, decodePartition(d))
		}
		slices.SortFunc(t.Partitions, func(a, b partitionMetadata) int { return cmp.Compare(a.ID, b.ID) })
		d.i32() // authorized operations
		d.tags(nil)
		m.Topics = append(m.Topics, t)
	}
	return m
}

func decodePartition(d *decoder) partitionMetadata {
	p := partitionMetadata{Err: codeError(d.i16()), ID: d.i32(), Leader: d.i32()}
	d.i32() // leader epoch
	p.Replicas = decodeIDs(d)
	p.ISR = decodeIDs(d)
	decodeIDs(d) // offline replicas
	d.tags(nil)
	return p
}

func decodeIDs(d *decoder) []int32 {
	var ids []int32
	for n := d.arr(); n > 0 && !d.err; n-- {
		ids = append(ids, d.i32())
	}
	return ids
}

// leaders returns the leader of every partition of the topics, from the cache
// where it can; -1 where a partition has none. A topic that does not exist is an
// error that is ErrUnknownTopic.
func (c *Client) leaders(ctx context.Context, topics ...string) (map[TopicPartition]int32, error) {
	if err := c.learn(ctx, topics...); err != nil {
		return nil, err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	out := make(map[TopicPartition]int32)
	for _, name := range topics {
		if t := c.topics[name]; t != nil {
			for _, p := range t.Partitions {
				out[TopicPartition{name, p.ID}] = p.Leader
			}
		}
	}
	return out, nil
}

// learn asks for the topics that are not in the cache.
func (c *Client) learn(ctx context.Context, topics ...string) error {
	c.mu.RLock()
	var missing []string
	for _, t := range topics {
		if c.topics[t] == nil && !slices.Contains(missing, t) {
			missing = append(missing, t)
		}
	}
	c.mu.RUnlock()
	if len(missing) == 0 {
		return nil
	}
	m, err := c.metadata(ctx, missing...)
	if err != nil {
		return err
	}
	var errs []error
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range m.Topics {
		t := &m.Topics[i]
		if t.Err != nil {
			errs = append(errs, fmt.Errorf("topic %q: %w", t.Name, t.Err))
			continue
		}
		c.topics[t.Name] = t
	}
	return errors.Join(errs...)
}

// forgetLeaders makes the next use of the topics ask a broker.
func (c *Client) forgetLeaders(topics ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range topics {
		delete(c.topics, t)
	}
}

// cachedPartitions returns what is known of a topic, nil if nothing is. The
// caller must not change it.
func (c *Client) cachedPartitions(topic string) []partitionMetadata {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if t := c.topics[topic]; t != nil {
		return t.Partitions
	}
	return nil
}

// Kinds of coordinators.
const (
	groupCoordinator       int8 = 0
	transactionCoordinator int8 = 1
)

// coordinator asks which broker coordinates a group or a transactional id.
func (c *Client) coordinator(ctx context.Context, kind int8, name string) (int32, error) {
	e := encoder{}
	e.i8(kind)
	e.arr(1)
	e.str(name)
	e.tags()
	d, err := c.do(ctx, anyBroker, apiFindCoordinator, coordinatorVersion, true, e.b)
	if err != nil {
		return anyBroker, fmt.Errorf("coordinator of %q: %w", name, err)
	}
	d.i32() // throttle time
	if d.arr() != 1 {
		return anyBroker, fmt.Errorf("coordinator of %q: %w", name, errMalformed)
	}
	d.str()
	node := d.i32()
	d.str() // host
	d.i32() // port
	err = codeError(d.i16())
	if d.err {
		err = errMalformed
	}
	if err != nil {
		return anyBroker, fmt.Errorf("coordinator of %q: %w", name, err)
	}
	return node, nil
}

// features are what a broker speaks.
type features struct {
	finalized map[string]int16 // feature → level, for the whole cluster
	maxima    map[int16]int16  // api key → highest version of the broker asked
}

// describeFeatures asks any broker what it speaks.
func (c *Client) describeFeatures(ctx context.Context) (*features, error) {
	const version = 3
	e := encoder{}
	e.str("murmuration-kafka") // client software name
	e.str("1")
	e.tags()
	d, err := c.do(ctx, anyBroker, apiVersions, version, true, e.b)
	if err != nil {
		return nil, fmt.Errorf("api versions: %w", err)
	}
	if err := codeError(d.i16()); err != nil {
		return nil, fmt.Errorf("api versions: %w", err)
	}
	f := &features{finalized: map[string]int16{}, maxima: map[int16]int16{}}
	for n := d.arr(); n > 0 && !d.err; n-- {
		key := d.i16()
		d.i16() // lowest version
		f.maxima[key] = d.i16()
		d.tags(nil)
	}
	d.i32() // throttle time
	d.tags(func(tag int, v *decoder) {
		const finalizedFeatures = 2
		if tag != finalizedFeatures {
			return
		}
		for n := v.arr(); n > 0 && !v.err; n-- {
			name, level := v.str(), v.i16()
			v.i16() // lowest level
			v.tags(nil)
			f.finalized[name] = level
		}
	})
	if err := d.ok(); err != nil {
		return nil, fmt.Errorf("api versions: %w", err)
	}
	return f, nil
}
