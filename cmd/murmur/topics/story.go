package topics

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/schemas"
)

// ErrUnknownOrder says that no topic has a record of an order.
var ErrUnknownOrder = errors.New("no topic has a record of this order")

// Story is what the topics say about one order.
type Story struct {
	OrderID string `json:"order_id"`
	// PlacedAt is when it all began; the time of the first step if no record of
	// the order itself is there.
	PlacedAt time.Time `json:"placed_at"`
	// Order, Payment and Reservation are the latest records; nil if none is there.
	Order       *schemas.Order       `json:"order,omitempty"`
	Payment     *schemas.Payment     `json:"payment,omitempty"`
	Reservation *schemas.Reservation `json:"reservation,omitempty"`
	// Steps are in the order of cause and effect, and of time apart from that.
	Steps []Step `json:"steps"`
	// Gaps are what is missing between them.
	Gaps []Gap `json:"gaps,omitempty"`
}

// Step is one record of a Story.
type Step struct {
	Entry
	// Service is the one that wrote the record.
	Service string `json:"service"`
	// SincePlaced is in microseconds.
	SincePlaced int64 `json:"since_placed_us"`
	// What says what the record tells beyond its status.
	What string `json:"what,omitempty"`
}

// Options of ReadStory.
type Options struct {
	// Stock adds the stock records that the order caused. A stock record that
	// covers several orders names the last of them as its cause.
	Stock bool
}

// ReadStory reads what the topics say about an order, up to where they end now.
// It reads the partitions of its keys only. Errors: ErrUnknownOrder, those of
// kafka.Client, kafka.ErrUnknownTopic among them.
func ReadStory(ctx context.Context, client *kafka.Client, decoder *Decoder, order string, options Options) (Story, error) {
	r := storyReader{client: client, decoder: decoder, story: Story{OrderID: order}}
	for _, topic := range []string{schemas.Orders, schemas.Payments, schemas.Reservations} {
		if err := r.read(ctx, topic, []string{order}, func(Entry) bool { return true }); err != nil {
			return r.story, fmt.Errorf("read order %s: %w", order, err)
		}
	}
	if len(r.story.Steps) == 0 {
		return r.story, fmt.Errorf("order %s: %w", order, ErrUnknownOrder)
	}
	r.latest()
	if skus := r.skus(); options.Stock && len(skus) > 0 {
		caused := "order/" + order + "/"
		if err := r.read(ctx, schemas.StockLevels, skus, func(e Entry) bool { return strings.HasPrefix(e.Causation, caused) }); err != nil {
			return r.story, fmt.Errorf("read stock of order %s: %w", order, err)
		}
	}
	r.story.Gaps = gaps(r.story)
	r.story.Steps = inOrder(r.story.Steps)
	r.begin()
	return r.story, nil
}

type storyReader struct {
	client  *kafka.Client
	decoder *Decoder
	story   Story
}

// read adds the records of some keys of a topic that belong to the story. It
// decodes no other than these and, to tell the difference, those before them.
func (r *storyReader) read(ctx context.Context, topic string, keys []string, belongs func(Entry) bool) error {
	infos, err := r.client.DescribeTopics(ctx, topic)
	if err != nil {
		return err
	}
	wanted := make(map[string]bool, len(keys))
	var tps []kafka.TopicPartition
	for _, key := range keys {
		wanted[key] = true
		tps = append(tps, kafka.TopicPartition{Topic: topic, Partition: kafka.PartitionFor([]byte(key), int32(len(infos[topic].Partitions)))})
	}
	from, err := r.client.StartOffsets(ctx, tps...)
	if err != nil {
		return err
	}
	owner, _ := schemas.ByName(topic)
	last := make(map[string]kafka.Record, len(keys))
	return r.client.ScanFrom(ctx, kafka.ReadCommitted, from, func(record kafka.Record) error {
		key := string(record.Key)
		if !wanted[key] {
			return nil
		}
		if belongs(newEntry(record)) {
			e := r.decoder.Decode(ctx, record)
			step := Step{Entry: e, Service: owner.Owner, What: Describe(r.before(ctx, last, key), e.Record)}
			if e.Tombstone {
				step.What = "erased"
			}
			r.story.Steps = append(r.story.Steps, step)
		}
		record.Value = bytes.Clone(record.Value)
		last[key] = record
		return ctx.Err()
	})
}

// before decodes the last record of a key, nil if there is none.
func (r *storyReader) before(ctx context.Context, last map[string]kafka.Record, key string) any {
	record, ok := last[key]
	if !ok {
		return nil
	}
	return r.decoder.Decode(ctx, record).Record
}

// latest fills in the last record of each kind.
func (r *storyReader) latest() {
	for _, s := range r.story.Steps {
		switch record := s.Record.(type) {
		case schemas.Order:
			r.story.Order = &record
		case schemas.Payment:
			r.story.Payment = &record
		case schemas.Reservation:
			r.story.Reservation = &record
		}
	}
}

// skus are those that the order could move.
func (r *storyReader) skus() []string {
	var skus []string
	seen := make(map[string]bool)
	add := func(sku string) {
		if !seen[sku] {
			seen[sku] = true
			skus = append(skus, sku)
		}
	}
	if r.story.Order != nil {
		for _, l := range r.story.Order.Lines {
			if l.Kind != schemas.LineService {
				add(l.SKU)
			}
		}
	}
	if r.story.Reservation != nil {
		for _, l := range r.story.Reservation.Lines {
			add(l.SKU)
		}
	}
	return skus
}

// begin measures from when the order was placed.
func (r *storyReader) begin() {
	s := &r.story
	s.PlacedAt = s.Steps[0].Time
	if s.Order != nil {
		s.PlacedAt = s.Order.PlacedAt
	}
	for i := range s.Steps {
		s.Steps[i].SincePlaced = s.Steps[i].Time.Sub(s.PlacedAt).Microseconds()
	}
}

// inOrder sorts steps by time, but each behind its cause and behind the record of
// its key before it: the clocks of services differ. Steps of one key come in the
// order of their offsets.
func inOrder(steps []Step) []Step {
	byID := make(map[string]int, len(steps))
	for i, s := range steps {
		if s.EventID != "" {
			byID[s.EventID] = i
		}
	}
	type key struct{ topic, key string }
	before := make([][]int, len(steps))
	last := make(map[key]int)
	for i, s := range steps {
		if cause, ok := byID[s.Causation]; ok && cause != i {
			before[i] = append(before[i], cause)
		}
		k := key{s.Topic, s.Key}
		if previous, ok := last[k]; ok {
			before[i] = append(before[i], previous)
		}
		last[k] = i
	}
	told := make([]bool, len(steps))
	out := make([]Step, 0, len(steps))
	for len(out) < len(steps) {
		next := next(steps, told, before)
		told[next] = true
		out = append(out, steps[next])
	}
	return out
}

// next is the earliest step whose causes were told, or, should causes go round in
// a circle, the earliest of all.
func next(steps []Step, told []bool, before [][]int) int {
	best, bestReady := -1, false
	for i := range steps {
		if told[i] {
			continue
		}
		ready := true
		for _, b := range before[i] {
			ready = ready && told[b]
		}
		if best < 0 || ready && !bestReady || ready == bestReady && steps[i].Time.Before(steps[best].Time) {
			best, bestReady = i, ready
		}
	}
	return best
}
