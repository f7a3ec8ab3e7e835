package kafka

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

// An answer that leaves out a batch, or speaks of another, acknowledges nothing.
func TestProducer_RefusesAnAnswerToAnotherQuestion(t *testing.T) {
	edits := map[string]func(*kmsg.ProduceResponse){
		"nothing":           func(r *kmsg.ProduceResponse) { r.Topics = nil },
		"another partition": func(r *kmsg.ProduceResponse) { r.Topics[0].Partitions[0].Partition = 3 },
		"another topic":     func(r *kmsg.ProduceResponse) { r.Topics[0].Topic = "positions" },
		"twice the same": func(r *kmsg.ProduceResponse) {
			r.Topics[0].Partitions = append(r.Topics[0].Partitions, r.Topics[0].Partitions[0])
		},
	}
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, ProducerConfig{})
			r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Produce), After: true, Edit: func(_ kmsg.Request, resp kmsg.Response) {
				edit(resp.(*kmsg.ProduceResponse))
			}})
			err := r.begin().Produce(r.ctx, to(0, "v")...)
			if !errors.Is(err, ErrAborted) || !errors.Is(err, errMalformed) {
				t.Fatalf("got %v", err)
			}
			if err := r.p.Init(r.ctx); err != nil {
				t.Fatal(err)
			}
			r.commit("again")
			r.expect("again")
		})
	}
}

func TestProducer_PassesOnWhatTheBrokerSays(t *testing.T) {
	r := newRig(t, ProducerConfig{})
	r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Produce), Edit: func(_ kmsg.Request, resp kmsg.Response) {
		p := &resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0]
		p.ErrorCode, p.ErrorMessage = 87, kmsg.StringPtr("no timestamp from the future")
		p.ErrorRecords = []kmsg.ProduceResponseTopicPartitionErrorRecord{{RelativeOffset: 0, ErrorMessage: kmsg.StringPtr("this one")}}
	}})
	err := r.begin().Produce(r.ctx, to(2, "v")...)
	if !errors.Is(err, Error(87)) || !strings.Contains(fmt.Sprint(err), "events/2") || !strings.Contains(fmt.Sprint(err), "from the future") {
		t.Errorf("got %v", err)
	}
}

func TestProducer_WaitsForAPartitionThatDoesNotExistYet(t *testing.T) {
	r := newRig(t, ProducerConfig{TransactionTimeout: shortLife})
	err := r.begin().Produce(r.ctx, to(9, "v")...)
	if !errors.Is(err, ErrUnknownTopic) || !errors.Is(err, ErrAborted) || !strings.Contains(fmt.Sprint(err), "events/9") {
		t.Errorf("got %v", err)
	}
}

func TestProducer_WaitsForALeader(t *testing.T) {
	r := newRig(t, ProducerConfig{})
	in := r.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Metadata), Match: asksForTopics, After: true, Times: 3, Edit: func(_ kmsg.Request, resp kmsg.Response) {
		parts := resp.(*kmsg.MetadataResponse).Topics[0].Partitions
		for i := range parts {
			parts[i].Leader = -1
		}
	}})
	r.commit("v")
	in.Wait(t)
	r.expect("v")
}

func TestProducer_KeepsNoMemoryOfALargeCall(t *testing.T) {
	r := newRig(t, ProducerConfig{Compression: CompressionNone})
	values := make([]string, 2*keptQueue)
	for i := range values {
		values[i] = strings.Repeat("x", 500)
	}
	r.commit(values...)
	r.commit("small")
	for _, s := range r.p.sessions {
		for _, l := range s.lanes {
			if cap(l.batch) > keptBatch || cap(l.queue) > keptQueue {
				t.Errorf("%s keeps %d bytes and room for %d records", s.id, cap(l.batch), cap(l.queue))
			}
			for _, rec := range l.queue[:cap(l.queue)] {
				if rec.Value != nil {
					t.Fatalf("%s keeps a record", s.id)
				}
			}
		}
	}
}

// Whatever is cut off an answer is noticed.
func TestDecoders_NoticeEveryCut(t *testing.T) {
	answer := kmsg.NewPtrProduceResponse()
	answer.SetVersion(12)
	respTopic := kmsg.NewProduceResponseTopic()
	respTopic.Topic = topic
	respTopic.Partitions = append(respTopic.Partitions, kmsg.NewProduceResponseTopicPartition())
	answer.Topics = append(answer.Topics, respTopic)
	produced := answer.AppendTo(nil)

	meta := kmsg.NewPtrMetadataResponse()
	meta.SetVersion(metadataVersion)
	metaTopic := kmsg.NewMetadataResponseTopic()
	metaTopic.Topic = kmsg.StringPtr(topic)
	part := kmsg.NewMetadataResponseTopicPartition()
	part.Replicas, part.ISR = []int32{1, 2}, []int32{1}
	metaTopic.Partitions = append(metaTopic.Partitions, part)
	meta.Topics, meta.Brokers = append(meta.Topics, metaTopic), append(meta.Brokers, kmsg.NewMetadataResponseBroker())
	described := meta.AppendTo(nil)

	parse := func(b []byte) error {
		l := &lane{tp: TopicPartition{topic, 0}, queue: to(0, "v"), sizes: []int{1}, count: 1}
		d := decoder{b: b}
		return (&shipment{lanes: []*lane{l}}).parse(&d)
	}
	const trailer = 5 // throttle time and tags, which say nothing about a batch
	for n := range len(produced) - trailer {
		if err := parse(produced[:n]); !errors.Is(err, errMalformed) {
			t.Errorf("Produce, %d of %d bytes: %v", n, len(produced), err)
		}
	}
	if err := parse(produced); err != nil {
		t.Errorf("Produce: %v", err)
	}
	for n := range len(described) - 1 {
		d := decoder{b: described[:n]}
		if decodeMetadata(&d); d.ok() == nil {
			t.Errorf("Metadata, %d of %d bytes: no error", n, len(described))
		}
	}
	d := decoder{b: described}
	if m := decodeMetadata(&d); d.ok() != nil || len(m.Topics) != 1 || len(m.Topics[0].Partitions[0].Replicas) != 2 {
		t.Errorf("Metadata: %+v, %v", m, d.ok())
	}
}
