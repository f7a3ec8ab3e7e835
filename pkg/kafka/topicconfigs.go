package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
)

const resourceTopic = 2 // the kind of resource in the config APIs

// describeConfigs returns the named configs of each spec, by topic. A config that
// the broker does not know is absent.
func (c *Client) describeConfigs(ctx context.Context, specs []TopicSpec) (map[string]map[string]string, error) {
	if len(specs) == 0 {
		return nil, nil
	}
	const apiDescribeConfigs, version = 32, 4
	e := encoder{}
	e.arr(len(specs))
	for _, s := range specs {
		e.i8(resourceTopic)
		e.str(s.Name)
		e.arr(len(s.Configs))
		for _, name := range sortedKeys(s.Configs) {
			e.str(name)
		}
		e.tags()
	}
	e.boolean(false) // synonyms
	e.boolean(false) // documentation
	e.tags()
	out := make(map[string]map[string]string, len(specs))
	err := patiently(ctx, func(ctx context.Context) error {
		d, err := c.do(ctx, anyBroker, apiDescribeConfigs, version, true, e.b)
		if err != nil {
			return fmt.Errorf("describe configs: %w", err)
		}
		return decodeConfigs(&d, out)
	})
	return out, err
}

func decodeConfigs(d *decoder, out map[string]map[string]string) error {
	d.i32() // throttle time
	var errs []error
	for n := d.arr(); n > 0 && !d.err; n-- {
		code, message := d.i16(), d.str()
		d.i8() // kind
		topic := d.str()
		values := map[string]string{}
		for k := d.arr(); k > 0 && !d.err; k-- {
			name, value := d.str(), d.str()
			values[name] = value
			skipConfigDetails(d)
		}
		d.tags(nil)
		if code != 0 {
			errs = append(errs, withMessage(fmt.Sprintf("describe configs of %q", topic), code, message))
			continue
		}
		out[topic] = values
	}
	return joinFatal(append(errs, d.ok()))
}

func skipConfigDetails(d *decoder) {
	d.boolean() // read only
	d.i8()      // source
	d.boolean() // sensitive
	for n := d.arr(); n > 0 && !d.err; n-- {
		d.str() // synonym
		d.str() // its value
		d.i8()  // its source
		d.tags(nil)
	}
	d.i8()  // type
	d.str() // documentation
	d.tags(nil)
}

// alterConfigs sets every named config to what was expected, one by one in the
// sense of Kafka: configs that are not named keep their values.
func (c *Client) alterConfigs(ctx context.Context, diffs []TopicMismatch) ([]TopicChange, error) {
	if len(diffs) == 0 {
		return nil, nil
	}
	pending := map[string][]TopicMismatch{}
	for _, m := range diffs {
		pending[m.Topic] = append(pending[m.Topic], m)
	}
	var changes []TopicChange
	err := patiently(ctx, func(ctx context.Context) error {
		done, err := c.alterConfigsOnce(ctx, pending)
		for _, topic := range done {
			for _, m := range pending[topic] {
				changes = append(changes, TopicChange{Topic: topic, Config: m.What, From: m.Found, To: m.Expected})
			}
			delete(pending, topic)
		}
		return err
	})
	return changes, err
}

func (c *Client) alterConfigsOnce(ctx context.Context, pending map[string][]TopicMismatch) (done []string, err error) {
	const apiIncrementalAlterConfigs, version = 44, 1
	const opSet = 0
	e := encoder{}
	e.arr(len(pending))
	for topic, diffs := range maps.All(pending) {
		e.i8(resourceTopic)
		e.str(topic)
		e.arr(len(diffs))
		for _, m := range diffs {
			e.str(m.What)
			e.i8(opSet)
			e.str(m.Expected)
			e.tags()
		}
		e.tags()
	}
	e.boolean(false) // validate only
	e.tags()
	d, err := c.do(ctx, anyBroker, apiIncrementalAlterConfigs, version, true, e.b)
	if err != nil {
		return nil, fmt.Errorf("alter configs: %w", err)
	}
	d.i32() // throttle time
	var errs []error
	for n := d.arr(); n > 0 && !d.err; n-- {
		code, message := d.i16(), d.str()
		d.i8() // kind
		topic := d.str()
		d.tags(nil)
		if code != 0 {
			errs = append(errs, withMessage(fmt.Sprintf("alter configs of %q", topic), code, message))
			continue
		}
		done = append(done, topic)
	}
	if err := d.ok(); err != nil {
		return nil, fmt.Errorf("alter configs: %w", errors.Join(append(errs, err)...))
	}
	return done, joinFatal(errs)
}
