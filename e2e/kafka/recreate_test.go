//go:build e2e

package kafka_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

// A topic that is deleted and made again has its name, and is another topic:
// positions made for the first one are not good for it.
func TestRecreatedTopic_HasAnotherIDAndStartsANewGeneration(t *testing.T) {
	t.Parallel()
	r := newRig(t, &one)
	topic := r.topic(2)
	c := r.client()
	before, err := c.DescribeTopics(r.ctx, topic)
	r.must(err)
	p := r.started(name("relay"), kafka.ProtocolAuto)
	r.commit(p, topic, "a", "b", "c")
	r.settle(topic)
	generations := make(chan []kafka.TopicPartition, 16)
	ctx, cancel := context.WithCancel(r.ctx)
	left := make(chan error, 1)
	go func() {
		left <- kafka.RunGroup(ctx, r.client(), kafka.GroupConfig{ID: name("group"), Topics: []string{topic}, OnError: func(err error) { t.Log(err) }},
			func(ctx context.Context, a *kafka.Assignment) error {
				generations <- a.Partitions
				<-ctx.Done()
				return nil
			})
	}()
	if first := <-generations; len(first) != 2 {
		t.Errorf("%d partitions at first", len(first))
	}
	r.deleteTopic(topic)
	r.eventually("its end", func() bool {
		_, err := c.DescribeTopics(r.ctx, topic)
		return errors.Is(err, kafka.ErrUnknownTopic)
	})
	r.eventually("the same name again", func() bool {
		_, err := c.ApplyTopics(r.ctx, kafka.TopicSpec{Name: topic, Partitions: 2})
		return err == nil
	})
	after, err := c.DescribeTopics(r.ctx, topic)
	r.must(err)
	if before[topic].ID == after[topic].ID || after[topic].ID == (kafka.TopicID{}) {
		t.Errorf("the id was %v, and is %v", before[topic].ID, after[topic].ID)
	}
	r.eventually("a generation that has it", func() bool {
		select {
		case tps := <-generations:
			return len(tps) == 2
		case <-time.After(poll):
			return false
		}
	})
	tp := kafka.TopicPartition{Topic: topic}
	err = c.ScanFrom(r.ctx, kafka.ReadCommitted, map[kafka.TopicPartition]int64{tp: 4}, func(kafka.Record) error { return nil })
	if !errors.Is(err, kafka.ErrOffsetOutOfRange) {
		t.Errorf("a position of the old topic: %v", err)
	}
	// A client that knew the old topic writes to the new one, without a new start.
	r.commit(p, topic, "again")
	r.expectValues(topic, "again")
	cancel()
	if err := <-left; err != nil {
		t.Error(err)
	}
}

func (r *rig) expectValues(topic string, want ...string) {
	r.t.Helper()
	r.settle(topic)
	if got := values(r.scan(topic, kafka.ReadCommitted)); len(got) != len(want) || got[0] != want[0] {
		r.t.Errorf("committed %q, want %q", got, want)
	}
}

func (r *rig) deleteTopic(topic string) {
	r.t.Helper()
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TopicNames, req.TimeoutMillis = []string{topic}, 30_000
	resp := r.wire(0).ask(5, req).(*kmsg.DeleteTopicsResponse)
	if code := resp.Topics[0].ErrorCode; code != 0 {
		r.t.Fatalf("delete topic: code %d", code)
	}
}
