package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/avro"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/schemas"
)

// reader turns the value of a record into a value of package schemas.
type reader struct {
	topic   schemas.Topic
	decoder *avro.Decoder
	from    func(map[string]any) (any, error)
}

func newReaders(registry *avro.Registry) (map[string]reader, error) {
	from := map[string]func(map[string]any) (any, error){
		schemas.Orders:       typed(schemas.OrderFromAvro),
		schemas.Payments:     typed(schemas.PaymentFromAvro),
		schemas.Reservations: typed(schemas.ReservationFromAvro),
		schemas.StockLevels:  typed(schemas.StockFromAvro),
	}
	for _, topic := range positionTopics {
		from[topic] = typed(schemas.PositionFromAvro)
	}
	readers := make(map[string]reader, len(from))
	for name, f := range from {
		topic, _ := schemas.ByName(name)
		decoder, err := avro.NewDecoder(topic.Schema, registry)
		if err != nil {
			return nil, fmt.Errorf("schema of %s: %w", name, err)
		}
		readers[name] = reader{topic, decoder, f}
	}
	return readers, nil
}

func typed[R any](from func(map[string]any) (R, error)) func(map[string]any) (any, error) {
	return func(native map[string]any) (any, error) { return from(native) }
}

// entry reads one record. Only a registry that cannot be asked is an error:
// everything else is a fault of the record.
func (r reader) entry(ctx context.Context, record kafka.Record) (Entry, error) {
	e := Entry{Partition: record.Partition, Offset: record.Offset, Key: string(record.Key)}
	e.Header, _ = record.Header(aggregate.HeaderVersion)
	if record.Value == nil {
		return e, nil
	}
	native, err := r.decoder.Decode(ctx, record.Value)
	if err != nil {
		if !avro.Permanent(err) {
			return e, err
		}
		e.Fault = err.Error()
		return e, nil
	}
	value, err := r.from(native)
	if err != nil {
		e.Fault = err.Error()
		return e, nil
	}
	e.Value = value
	return e, nil
}

// logs reads the topics with state, to where they end now.
func (c *collector) logs(ctx context.Context) (map[string]*TopicLog, error) {
	logs := map[string]*TopicLog{}
	var names []string
	for _, name := range []string{schemas.Orders, schemas.Payments, schemas.Reservations, schemas.StockLevels} {
		logs[name] = NewTopicLog(name, c.readers[name].topic.Partitions)
		names = append(names, name)
	}
	err := c.kafka.Scan(ctx, kafka.ReadCommitted, names, func(record kafka.Record) error {
		e, err := c.readers[record.Topic].entry(ctx, record)
		if err != nil {
			return fmt.Errorf("read %s/%d@%d: %w", record.Topic, record.Partition, record.Offset, err)
		}
		logs[record.Topic].Add(e)
		return nil
	})
	return logs, err
}

// lastPositions finds the last position records of all relays.
func (c *collector) lastPositions(ctx context.Context, p pulse) error {
	for _, name := range c.names() {
		if err := c.lastPosition(ctx, p.services[name]); err != nil {
			return err
		}
	}
	return nil
}

// lastPosition finds the last position record of a relay, from where the
// database remembers one.
func (c *collector) lastPosition(ctx context.Context, s *Service) error {
	tp := kafka.TopicPartition{Topic: s.PositionTopic}
	take := func(record kafka.Record) error {
		e, err := c.readers[s.PositionTopic].entry(ctx, record)
		if err != nil {
			return err
		}
		if p, ok := e.Value.(schemas.Position); ok && p.Relay == s.Name {
			s.Last, s.LastOffset = &p, e.Offset
		}
		return nil
	}
	err := c.kafka.ScanFrom(ctx, kafka.ReadCommitted, map[kafka.TopicPartition]int64{tp: s.Relay.PositionOffset}, take)
	if errors.Is(err, kafka.ErrOffsetOutOfRange) || err == nil && s.Last == nil {
		err = c.kafka.Scan(ctx, kafka.ReadCommitted, []string{s.PositionTopic}, take)
	}
	if err != nil {
		return fmt.Errorf("read last position of relay %s: %w", s.Name, err)
	}
	return nil
}

// declared compares the topics with their declaration.
func (c *collector) declared(ctx context.Context) (string, error) {
	var specs []kafka.TopicSpec
	for _, t := range schemas.Topics() {
		specs = append(specs, kafka.TopicSpec{Name: t.Name, Partitions: t.Partitions, ReplicationFactor: -1, Configs: t.Configs})
	}
	err := c.kafka.VerifyTopics(ctx, specs...)
	var mismatch *kafka.TopicMismatchError
	if errors.As(err, &mismatch) {
		return mismatch.Error(), nil
	}
	return "", err
}
