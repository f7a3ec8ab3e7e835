package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

func TestConfig_ReportsEveryFault(t *testing.T) {
	err := Config{Brokers: []string{"a:1", "nowhere", ":9"}, ClientID: strings.Repeat("x", 300), DialTimeout: -1}.Validate()
	for _, part := range []string{`"nowhere"`, `":9"`, "client id", "dial timeout"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not mention %s", err, part)
		}
	}
	if _, err := NewClient(Config{}); err == nil || !strings.Contains(err.Error(), "brokers") {
		t.Errorf("no brokers: %v", err)
	}
}

func TestClient_CloseEndsEverything(t *testing.T) {
	c, err := NewClient(Config{Brokers: kafkatest.Start(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Close()
	c.Close()
	if err := c.Ping(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestClient_FindsAnotherBootstrapBroker(t *testing.T) {
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	c, err := NewClient(Config{Brokers: append([]string{dead.Addr().String()}, kafkatest.Start(t)...)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// A broker that accepts a request and never answers must not hold the caller, nor
// the connection, for longer than the ctx.
func TestClient_GivesUpOnASilentBroker(t *testing.T) {
	forever := make(chan struct{})
	cluster := kafkatest.StartCluster(t, kfake.SeedTopics(1, topic))
	t.Cleanup(func() { close(forever) })
	c, err := NewClient(Config{Brokers: cluster.Brokers})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cluster.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Metadata), Match: asksForTopics, Hold: forever})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := c.leaders(ctx, topic); done <- err }()
	waitFor(t, func() bool {
		for _, q := range kafkatest.Requests[*kmsg.MetadataRequest](cluster.Proxy) {
			if asksForTopics(q) {
				return true
			}
		}
		return false
	})
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if leaders, err := c.leaders(t.Context(), topic); err != nil || len(leaders) != 1 {
		t.Errorf("the client does not go on: %v, %v", leaders, err)
	}
}

func TestClient_RefusesWhatIsNotKafka(t *testing.T) {
	frames := map[string]func(correlation []byte) []byte{
		"a frame without an end":   func([]byte) []byte { return []byte{0x7f, 0xff, 0xff, 0xff} },
		"a frame without a header": func([]byte) []byte { return []byte{0, 0, 0, 1, 0} },
		"another correlation id":   func([]byte) []byte { return []byte{0, 0, 0, 5, 1, 2, 3, 4, 0} },
		"a header cut short":       func(c []byte) []byte { return append([]byte{0, 0, 0, 4}, c...) },
	}
	for name, answer := range frames {
		t.Run(name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			var wg sync.WaitGroup
			defer wg.Wait()
			defer ours.Close()
			wg.Go(func() {
				defer theirs.Close()
				b := make([]byte, 1024)
				if n, err := theirs.Read(b); err == nil && n > 12 {
					_, _ = theirs.Write(answer(b[8:12]))
				}
			})
			c := &Client{cfg: Config{ClientID: "test"}}
			e := c.header(nil, apiMetadata, metadataVersion, true, 0)
			q := &request{ctx: t.Context(), key: apiMetadata, flex: true, frame: e.b}
			if _, err := q.RawExchange(ours); !errors.Is(err, errMalformed) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestClient_LeadersAreCachedUntilForgotten(t *testing.T) {
	cluster := kafkatest.StartCluster(t, kfake.NumBrokers(2), kfake.SeedTopics(2, topic))
	c, err := NewClient(Config{Brokers: cluster.Brokers})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	tp := TopicPartition{topic, 0}
	for _, node := range []int32{0, 1} {
		if err := cluster.Fake.MoveTopicPartition(topic, 0, node); err != nil {
			t.Fatal(err)
		}
		c.forgetLeaders(topic)
		for range 3 {
			if got, err := c.leaders(t.Context(), topic); err != nil || got[tp] != node || len(got) != 2 {
				t.Errorf("leaders %v, %v; want node %d", got, err, node)
			}
		}
	}
	asked := 0
	for _, q := range kafkatest.Requests[*kmsg.MetadataRequest](cluster.Proxy) {
		if asksForTopics(q) {
			asked++
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times, want 2", asked)
	}
	if _, err := c.leaders(t.Context(), "missing"); !errors.Is(err, ErrUnknownTopic) {
		t.Errorf("a topic that does not exist: %v", err)
	}
}

func TestErrors_WhatPassesByItself(t *testing.T) {
	wrapped := func(err error) error { return fmt.Errorf("here: %w", err) }
	for _, code := range []Error{3, 5, 6, 7, 9, 13, 14, 15, 16, 19, 20, 51, 56, 74} {
		if !code.Temporary() || !retriable(wrapped(code)) {
			t.Errorf("%v passes by itself", code)
		}
	}
	for _, code := range []Error{-1, 1, 10, 17, 22, 25, 29, 35, 45, 47, 48, 49, 53, 55, 59, 87, 90, 120} {
		if code.Temporary() || retriable(wrapped(code)) {
			t.Errorf("%v does not pass by itself", code)
		}
	}
	for err, want := range map[error]bool{
		io.ErrUnexpectedEOF: true, net.ErrClosed: true, context.DeadlineExceeded: true, errNoBroker: true,
		asError(kafkago.BrokerNotAvailable): true, asError(kafkago.SASLAuthenticationFailed): false,
		context.Canceled: false, ErrClosed: false, errMalformed: false, nil: false,
		&tls.CertificateVerificationError{Err: io.EOF}: false,
	} {
		if retriable(err) != want {
			t.Errorf("retriable(%v) = %v", err, !want)
		}
	}
}

func TestErrors_ReadAsKafkaNamesThem(t *testing.T) {
	for code, want := range map[Error]string{
		51: "CONCURRENT_TRANSACTIONS (51)", 55: "OPERATION_NOT_ATTEMPTED (55)",
		120: "TRANSACTION_ABORTABLE (120)", 4711: "kafka error code 4711",
	} {
		if got := code.Error(); got != want {
			t.Errorf("%d reads %q, want %q", int16(code), got, want)
		}
	}
	for code := Error(-1); code <= 120; code++ {
		if _, ok := errorNames[code]; !ok && code != 0 {
			t.Errorf("code %d has no name", int16(code))
		}
	}
	if errors.Is(Error(51), ErrFenced) || !errors.Is(Error(90), ErrFenced) || !errors.Is(Error(47), ErrFenced) ||
		!errors.Is(Error(3), ErrUnknownTopic) || !errors.Is(Error(10), ErrRecordTooLarge) {
		t.Error("a code matches the wrong sentinel")
	}
}

func TestPartitionFor_AgreesWithTheJavaClient(t *testing.T) {
	// Kafka's own vectors of murmur2.
	for key, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string":                       -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		if got := int32(murmur2([]byte(key))); got != want {
			t.Errorf("murmur2(%q) = %d, want %d", key, got, want)
		}
		if p := PartitionFor([]byte(key), 7); p != int32(uint32(want)&0x7fffffff)%7 {
			t.Errorf("partition of %q is %d", key, p)
		}
	}
}

func TestPartitionFor_AgreesWithFranzGo(t *testing.T) {
	reference := kgoPartitioner()
	for i := range 2000 {
		key := []byte(strings.Repeat("é", i%9) + fmt.Sprint(i))
		for _, n := range []int{1, 2, 3, 12, 100} {
			if got, want := PartitionFor(key, int32(n)), reference(key, n); got != want {
				t.Fatalf("partition of %q among %d is %d, want %d", key, n, got, want)
			}
		}
	}
}

func kgoPartitioner() func(key []byte, n int) int32 {
	p := kgo.StickyKeyPartitioner(nil).ForTopic(topic)
	return func(key []byte, n int) int32 { return int32(p.Partition(&kgo.Record{Key: key}, n)) }
}

func TestRecord_HeaderIsTheLastOfItsName(t *testing.T) {
	r := Record{Headers: []Header{{"a", []byte("1")}, {"b", nil}, {"a", []byte("2")}}}
	if v, ok := r.Header("a"); v != "2" || !ok {
		t.Errorf("a = %q, %v", v, ok)
	}
	if v, ok := r.Header("b"); v != "" || !ok {
		t.Errorf("b = %q, %v", v, ok)
	}
	if _, ok := r.Header("c"); ok {
		t.Error("c is there")
	}
}

// Decoders read what a broker sent: nothing may make them panic or allocate
// without bound.
func FuzzDecodeResponses(f *testing.F) {
	seeds := []kmsg.Response{kmsg.NewPtrMetadataResponse(), kmsg.NewPtrProduceResponse(), kmsg.NewPtrAddPartitionsToTxnResponse()}
	for _, r := range seeds {
		r.SetVersion(min(r.MaxVersion(), metadataVersion))
		f.Add(r.AppendTo(nil))
	}
	f.Add([]byte{2, 2, 'e', 2, 0, 0, 0, 0, 0, 6})
	f.Fuzz(func(t *testing.T, b []byte) {
		d := decoder{b: b}
		m := decodeMetadata(&d)
		if len(m.Topics)+len(m.Brokers) > len(b) {
			t.Errorf("%d bytes became %d topics", len(b), len(m.Topics))
		}
		l := &lane{tp: TopicPartition{"e", 0}, queue: to(0, "v"), sizes: []int{1}, count: 1}
		sh := &shipment{lanes: []*lane{l}}
		_ = sh.parse(&decoder{b: b})
		if l.sent > len(l.queue) {
			t.Error("acknowledged more than was sent")
		}
		_ = parseAddPartitions(&decoder{b: b})
	})
}

func TestClient_FailsInTimeWhenTheBrokerSpeaksNoTLS(t *testing.T) {
	c, err := NewClient(Config{Brokers: kafkatest.Start(t), TLS: &tls.Config{MinVersion: tls.VersionTLS12}, DialTimeout: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Ping(t.Context()); err == nil {
		t.Error("no error")
	}
}
