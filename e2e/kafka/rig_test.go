//go:build e2e

package kafka_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/murmuration-dev/murmuration/e2e/stack/kafkacluster"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

const (
	// limit bounds a test. Most take seconds; the machine can be busy.
	limit = 3 * time.Minute
	// poll is how often a test looks whether something has come about.
	poll = 20 * time.Millisecond
	// lifetime is a transaction timeout that no test outlives by accident.
	lifetime = time.Minute
	// blameLimit bounds what is looked up after a failure.
	blameLimit = 30 * time.Second
)

// rig is one test's access to a cluster.
type rig struct {
	t       *testing.T
	ctx     context.Context
	cluster *kafkacluster.Cluster
	brokers []string
	proxy   *kafkatest.Proxy // nil unless behindProxy
}

func newRig(t *testing.T, s *shared) *rig {
	t.Helper()
	c := s.get(t)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return &rig{t: t, ctx: ctx, cluster: c, brokers: c.Addresses()}
}

// behindProxy leads every connection through a proxy. The brokers advertise one
// address each for it, so such tests of one cluster do not run in parallel.
func behindProxy(t *testing.T, s *shared) *rig {
	t.Helper()
	r := newRig(t, s)
	r.proxy = kafkatest.NewProxy(t)
	r.brokers = r.cluster.Fronts()
	for i, backend := range r.cluster.Proxied() {
		if _, err := r.proxy.ForwardAt(r.brokers[i], backend); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// direct is the same cluster past the proxy.
func (r *rig) direct() *rig {
	d := *r
	d.brokers = r.cluster.Addresses()
	return &d
}

// name makes a name that nothing on the cluster has.
func name(prefix string) string { return prefix + "-" + strings.ToLower(rand.Text()[:10]) }

func (r *rig) client() *kafka.Client {
	r.t.Helper()
	c, err := kafka.NewClient(kafka.Config{Brokers: r.brokers})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(c.Close)
	return c
}

// topic creates one; configs are names and values in turn.
func (r *rig) topic(partitions int32, configs ...string) string {
	r.t.Helper()
	spec := kafka.TopicSpec{Name: name("events"), Partitions: partitions, Configs: map[string]string{}}
	for pair := range slices.Chunk(configs, 2) {
		spec.Configs[pair[0]] = pair[1]
	}
	c := r.direct().client()
	if changes, err := c.ApplyTopics(r.ctx, spec); err != nil || len(changes) != 1 {
		r.t.Fatalf("create topic: %v, %v", changes, err)
	}
	if err := c.VerifyTopics(r.ctx, spec); err != nil {
		r.t.Fatal(err)
	}
	return spec.Name
}

// producer returns one that is not initialised, on a client of its own.
func (r *rig) producer(cfg kafka.ProducerConfig) *kafka.Producer {
	r.t.Helper()
	if cfg.TransactionTimeout == 0 {
		cfg.TransactionTimeout = lifetime
	}
	p, err := kafka.NewProducer(r.client(), cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// started returns a producer that is initialised.
func (r *rig) started(id string, protocol kafka.Protocol) *kafka.Producer {
	r.t.Helper()
	p := r.producer(kafka.ProducerConfig{TransactionalID: id, Protocol: protocol})
	r.must(p.Init(r.ctx))
	return p
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// begin opens a transaction and writes the values to partition 0.
func (r *rig) begin(p *kafka.Producer, topic string, values ...string) *kafka.Txn {
	r.t.Helper()
	txn, err := p.Begin()
	r.must(err)
	r.must(txn.Produce(r.ctx, records(topic, 0, values...)...))
	return txn
}

// commit writes the values to partition 0 in a transaction of their own.
func (r *rig) commit(p *kafka.Producer, topic string, values ...string) {
	r.t.Helper()
	r.must(r.begin(p, topic, values...).Commit(r.ctx))
}

// records have the value as their key, too.
func records(topic string, partition int32, values ...string) []kafka.Record {
	out := make([]kafka.Record, len(values))
	for i, v := range values {
		out[i] = kafka.Record{Topic: topic, Partition: partition, Key: []byte(v), Value: []byte(v)}
	}
	return out
}

// expect compares the values that a read-committed reader of ours finds, and
// franz-go's, in the only partition of the topic.
func (r *rig) expect(topic string, want ...string) {
	r.t.Helper()
	r.settle(topic)
	ours := values(r.scan(topic, kafka.ReadCommitted))
	if !slices.Equal(ours, want) {
		r.t.Fatalf("committed\n got %q\nwant %q", ours, want)
	}
	if theirs := franzValues(r.franz(topic)); !slices.Equal(theirs, want) {
		r.t.Fatalf("franz-go finds %q, want %q", theirs, want)
	}
}

// settle waits until no transaction is open on the topic: markers are written
// after a commit was acknowledged.
func (r *rig) settle(topic string) {
	r.t.Helper()
	c := r.direct().client()
	tps := r.partitions(c, topic)
	defer r.blame(topic)
	r.eventually("the end of every transaction on "+topic, func() bool {
		all, err := c.EndOffsets(r.ctx, kafka.ReadUncommitted, tps...)
		r.must(err)
		stable, err := c.EndOffsets(r.ctx, kafka.ReadCommitted, tps...)
		r.must(err)
		for tp, end := range all {
			if stable[tp] < end {
				return false
			}
		}
		return true
	})
}

// blame tells, after a failure, which producers have something open on partition 0
// of the topic, as Kafka's own tool sees them.
func (r *rig) blame(topic string) {
	if !r.t.Failed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), blameLimit)
	defer cancel()
	const tool = "/opt/kafka/bin/kafka-transactions.sh"
	for _, of := range [][]string{{"describe-producers", "--topic", topic, "--partition", "0"}, {"list"}} {
		out, err := r.cluster.Exec(ctx, 0, append([]string{tool, "--bootstrap-server", r.cluster.Inside()[0]}, of...)...)
		r.t.Logf("%s: %v\n%s", of[0], err, out)
	}
}

func (r *rig) partitions(c *kafka.Client, topic string) []kafka.TopicPartition {
	r.t.Helper()
	infos, err := c.DescribeTopics(r.ctx, topic)
	r.must(err)
	var out []kafka.TopicPartition
	for _, p := range infos[topic].Partitions {
		out = append(out, kafka.TopicPartition{Topic: topic, Partition: p.ID})
	}
	return out
}

// scan reads the topic with pkg/kafka.
func (r *rig) scan(topic string, isolation kafka.Isolation) []kafka.Record {
	r.t.Helper()
	var out []kafka.Record
	r.must(r.direct().client().Scan(r.ctx, isolation, []string{topic}, func(rec kafka.Record) error {
		out = append(out, rec)
		return nil
	}))
	return out
}

func values(records []kafka.Record) []string {
	out := make([]string, len(records))
	for i, rec := range records {
		out[i] = string(rec.Value)
	}
	return out
}

// franz reads the topic's partition 0 with franz-go, read-committed, up to the
// last stable offset.
func (r *rig) franz(topic string) []*kgo.Record {
	r.t.Helper()
	tp := kafka.TopicPartition{Topic: topic}
	ends, err := r.direct().client().EndOffsets(r.ctx, kafka.ReadCommitted, tp)
	r.must(err)
	if ends[tp] == 0 {
		return nil
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.cluster.Addresses()...), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // the record below the last stable offset can be one
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	r.must(err)
	defer cl.Close()
	var out []*kgo.Record
	for {
		fetches := cl.PollFetches(r.ctx)
		r.must(fetches.Err())
		for _, rec := range fetches.Records() {
			if !rec.Attrs.IsControl() {
				out = append(out, rec)
			}
			if rec.Offset >= ends[tp]-1 {
				return out
			}
		}
	}
}

func franzValues(records []*kgo.Record) []string {
	out := make([]string, len(records))
	for i, rec := range records {
		out[i] = string(rec.Value)
	}
	return out
}

// console reads partition 0 of the topic with Kafka's own console consumer,
// read-committed, and returns its lines: offset, tab, value.
func (r *rig) console(topic string, expected int) []string {
	r.t.Helper()
	script := fmt.Sprintf(`/opt/kafka/bin/kafka-console-consumer.sh --bootstrap-server %s --topic %s --partition 0 --offset earliest `+
		`--isolation-level read_committed --max-messages %d --timeout-ms 60000 `+
		`--formatter-property print.offset=true --formatter-property print.key=false 2>/dev/null`, r.cluster.Inside()[0], topic, expected)
	out, err := r.cluster.Exec(r.ctx, 0, "sh", "-c", script)
	r.must(err)
	return strings.Split(strings.TrimSuffix(out, "\n"), "\n")
}

// eventually fails the test if ok does not come about within its limit.
func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	for !ok() {
		if !r.pause(poll) {
			r.t.Fatalf("did not come about: %s", what)
		}
	}
}

// pause is false when the test's time is over.
func (r *rig) pause(d time.Duration) bool {
	select {
	case <-r.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// eachProtocol runs the test on both versions of the transaction protocol, side
// by side.
func eachProtocol(t *testing.T, f func(t *testing.T, p kafka.Protocol)) {
	t.Helper()
	for _, p := range []kafka.Protocol{kafka.ProtocolV1, kafka.ProtocolV2} {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			f(t, p)
		})
	}
}

// codeError is nil for code 0.
func codeError(code int16) error {
	if code == 0 {
		return nil
	}
	return kafka.Error(code)
}

// codeOf is the broker's code in an error, 0 if there is none.
func codeOf(err error) kafka.Error {
	var code kafka.Error
	errors.As(err, &code)
	return code
}
