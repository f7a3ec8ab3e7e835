package floor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	topic = "bench-floor"
	// partitions are as many as the platform's topics have.
	partitions  = 6
	replication = 3
	inSync      = "2"
	// buffered bounds what is on its way at once, and pipelineMost one
	// measurement: it must not fill the disk.
	buffered     = 10_000
	pipelineMost = 200_000
	// createTimeout bounds the wait until all brokers know the topic.
	createTimeout = 30 * time.Second
)

func createTopic(ctx context.Context, client *kgo.Client) error {
	ctx, cancel := context.WithTimeout(ctx, createTimeout)
	defer cancel()
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, partitions, replication
	for name, value := range map[string]string{"min.insync.replicas": inSync, "cleanup.policy": "delete"} {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = name, kmsg.StringPtr(value)
		t.Configs = append(t.Configs, c)
	}
	ask := kmsg.NewPtrCreateTopicsRequest()
	ask.Topics, ask.TimeoutMillis = []kmsg.CreateTopicsRequestTopic{t}, int32(createTimeout.Milliseconds())
	answer, err := ask.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, t := range answer.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return fmt.Errorf("create %s: %w", t.Topic, err)
		}
	}
	return nil
}

func record(n int) *kgo.Record {
	return &kgo.Record{Topic: topic, Partition: int32(n % partitions), Value: value}
}

// produce waits until one record is acknowledged.
func (f *Floor) produce(ctx context.Context, n int) error {
	return f.single.ProduceSync(ctx, record(n)).FirstErr()
}

// pipeline produces for so long without waiting for each, and then for all.
func (f *Floor) pipeline(ctx context.Context, long time.Duration) (perSecond float64, err error) {
	var failed error
	var once sync.Once
	begun, n := time.Now(), 0
	for ; time.Since(begun) < long && n < pipelineMost; n++ {
		f.many.Produce(ctx, record(n), func(_ *kgo.Record, err error) {
			if err != nil {
				once.Do(func() { failed = err })
			}
		})
	}
	if err := f.many.Flush(ctx); err != nil {
		return 0, err
	}
	return float64(n) / time.Since(begun).Seconds(), failed
}
