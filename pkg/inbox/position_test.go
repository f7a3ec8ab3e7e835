package inbox_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/inbox"
	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

func (w *world) recreate(topic string, partitions int32) {
	w.t.Helper()
	w.must(w.cluster.Fake.DeleteTopic(topic))
	req := kmsg.NewPtrCreateTopicsRequest()
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = topic, partitions, 1
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(w.t.Context(), w.franz)
	w.must(err)
	if code := resp.Topics[0].ErrorCode; code != 0 {
		w.t.Fatalf("create topic %s: code %d", topic, code)
	}
}

// truncate deletes the records below an offset.
func (w *world) truncate(topic string, partition int32, below int64) {
	w.t.Helper()
	req := kmsg.NewPtrDeleteRecordsRequest()
	rt := kmsg.NewDeleteRecordsRequestTopic()
	rp := kmsg.NewDeleteRecordsRequestTopicPartition()
	rt.Topic, rp.Partition, rp.Offset = topic, partition, below
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(w.t.Context(), w.franz)
	w.must(err)
	if code := resp.Topics[0].Partitions[0].ErrorCode; code != 0 {
		w.t.Fatalf("delete records of %s/%d: code %d", topic, partition, code)
	}
}

// move stores a position as an inbox would.
func (w *world) move(m eventstore.Move) {
	w.t.Helper()
	tx, err := w.store.Begin(w.t.Context())
	w.must(err)
	defer tx.Rollback()
	w.must(tx.Commit(w.t.Context(), eventstore.Unit{Moves: []eventstore.Move{m}}))
}

func (w *world) topicID(name string) string {
	w.t.Helper()
	topics, err := w.client.DescribeTopics(w.t.Context(), name)
	w.must(err)
	return topics[name].ID.String()
}

func wantPositionError(t *testing.T, err error, reason string) {
	t.Helper()
	var impossible *inbox.PositionError
	if !errors.As(err, &impossible) || impossible.Topic != "orders" || !strings.Contains(err.Error(), reason) {
		t.Errorf("got %v, want a *PositionError of orders with %q", err, reason)
	}
}

// Hazard 10: a topic that was deleted and made again is not read on silently.
func TestInbox_ARecreatedTopicStopsIt(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{true, false} {
		t.Run(map[bool]string{true: "while it reads", false: "while it was stopped"}[running], func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1, "orders")
			w.publish(message("orders", 0, "a", "1"))
			in := w.start(config("g", "orders"))
			w.caughtUp(in)
			if !running {
				check(t, in.stop())
			}
			w.recreate("orders", 1)
			if !running {
				in = w.start(config("g", "orders"))
			}
			wantPositionError(t, in.wait(), "made again")
			w.wantEffects("1")
		})
	}
}

func TestInbox_APositionBehindTheLogStopsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, "orders")
	w.publish(message("orders", 0, "a", "1"))
	w.move(eventstore.Move{Topic: "orders", Partition: 1, TopicID: w.topicID("orders"), To: 1000})
	cfg := config("g", "orders")
	cfg.Doubt = 200 * time.Millisecond
	wantPositionError(t, w.start(cfg).wait(), "the log reaches from 0 to 0")
}

// A broker that was the leader and does not know of the next one yet says that the
// log ends where it ended. That stops nobody.
func TestInbox_ALeaderThatWasDeposedIsNotBelieved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, "orders")
	w.publish(message("orders", 0, "a", "1"))
	in := w.start(config("g", "orders"))
	w.caughtUp(in)
	check(t, in.stop())
	const outOfRange, answers = 1, 5
	pages := w.cluster.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Fetch), Code: outOfRange, Times: answers})
	ends := w.cluster.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.ListOffsets), After: true, Times: kafkatest.Always, Edit: func(_ kmsg.Request, resp kmsg.Response) {
		for _, topic := range resp.(*kmsg.ListOffsetsResponse).Topics {
			for i := range topic.Partitions {
				topic.Partitions[i].Offset = 0
			}
		}
	}})
	in = w.start(config("g", "orders"))
	pages.Wait(t)
	ends.Remove()
	w.publish(message("orders", 0, "a", "2"))
	w.caughtUp(in)
	w.wantEffects("1", "2")
	check(t, in.stop())
}

func TestInbox_APositionBeforeTheLogStopsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, "orders")
	w.publish(message("orders", 0, "a", "1"))
	in := w.start(config("g", "orders"))
	w.caughtUp(in)
	check(t, in.stop())
	w.publish(message("orders", 0, "a", "2"), message("orders", 0, "a", "3"))
	w.truncate("orders", 0, w.end("orders", 0)-1) // 2 is lost to this inbox
	wantPositionError(t, w.start(config("g", "orders")).wait(), "the log reaches from")
	w.wantEffects("1")
}

// A compacted log need not begin at 0: without a position the first compare-and-set
// expects 0 and moves to wherever reading came.
func TestInbox_BeginsWhereTheLogDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, "orders")
	w.publish(message("orders", 0, "a", "1"), message("orders", 0, "a", "2"), message("orders", 0, "a", "3"))
	w.truncate("orders", 0, 2)
	in := w.start(config("g", "orders"))
	w.caughtUp(in)
	w.wantEffects("3")
	if got, want := w.position("orders", 0), w.end("orders", 0); got != want {
		t.Errorf("got position %d, want the end %d, behind the marker", got, want)
	}
}

func TestInbox_StoresPositionsBehindWhatIsNotForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2, "orders")
	w.abort(message("orders", 0, "a", "never"), message("orders", 1, "a", "never"))
	w.publish(message("orders", 0, "a", "1"))
	w.abort(message("orders", 0, "a", "never"))
	in := w.start(config("g", "orders"))
	w.eventually("the positions are at the ends", func() bool {
		return w.position("orders", 0) == w.end("orders", 0) && w.position("orders", 1) == w.end("orders", 1)
	})
	check(t, in.stop())
	w.wantEffects("1")
}

func TestInbox_LagToolsSeeItsOffsets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, "orders")
	w.publish(message("orders", 0, "a", "1"))
	first := w.start(config("g", "orders"))
	w.caughtUp(first)
	check(t, first.stop()) // well before the first report is due
	if got, want := w.reported("g", "orders"), w.end("orders", 0); got != want {
		t.Errorf("after a stop: got offset %d, want %d", got, want)
	}
	w.publish(message("orders", 0, "a", "2"))
	second := w.start(config("g", "orders"))
	w.caughtUp(second)
	w.eventually("the offset is reported while it runs", func() bool { return w.reported("g", "orders") == w.end("orders", 0) })
}

func TestInbox_ReportsAgainWhatCouldNotBeReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, "orders")
	w.publish(message("orders", 0, "a", "1"))
	w.cluster.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.OffsetCommit), Times: 2, Drop: true})
	w.caughtUp(w.start(config("g", "orders")))
	w.eventually("the offset is reported", func() bool { return w.reported("g", "orders") == w.end("orders", 0) })
}

// reported is the group's offset of partition 0, -1 if there is none.
func (w *world) reported(group, topic string) int64 {
	w.t.Helper()
	req := kmsg.NewPtrOffsetFetchRequest()
	req.Group = group
	rt := kmsg.NewOffsetFetchRequestTopic()
	rt.Topic, rt.Partitions = topic, []int32{0}
	req.Topics = append(req.Topics, rt)
	rg := kmsg.NewOffsetFetchRequestGroup()
	rg.Group = group
	gt := kmsg.NewOffsetFetchRequestGroupTopic()
	gt.Topic, gt.Partitions = topic, []int32{0}
	rg.Topics = append(rg.Topics, gt)
	req.Groups = append(req.Groups, rg)
	resp, err := req.RequestWith(w.t.Context(), w.franz)
	w.must(err)
	if len(resp.Groups) > 0 {
		return resp.Groups[0].Topics[0].Partitions[0].Offset
	}
	return resp.Topics[0].Partitions[0].Offset
}

func TestInbox_ForgetsTheLagOfPartitionsThatItGaveAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, "orders")
	w.publish(message("orders", 0, "a", "1"))
	reg := prometheus.NewRegistry()
	in := w.startInbox(w.newInbox(config("g", "orders"), reg))
	w.caughtUp(in)
	names := func() []string {
		found, err := reg.Gather()
		w.must(err)
		var names []string
		for _, f := range found {
			names = append(names, f.GetName())
		}
		return names
	}
	if got := names(); !slices.Contains(got, "murmuration_inbox_lag_records") || !slices.Contains(got, "murmuration_inbox_records_total") {
		t.Errorf("got metrics %v", got)
	}
	check(t, in.stop())
	if slices.Contains(names(), "murmuration_inbox_lag_records") {
		t.Error("the lag of a partition is shown that somebody else reads now")
	}
}

func TestNew_ReportsAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := inbox.New(inbox.Config{BatchRecords: -1, RetryInitial: -time.Second}, inbox.Deps{})
	for _, want := range []string{"group is empty", "no topics", "batch records is -1", "retry waits are -1s", "all required"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %q", err, want)
		}
	}
	if inbox.Permanent(nil) != nil || inbox.IsPermanent(errAway) || !inbox.IsPermanent(&inbox.RecordError{Err: inbox.Permanent(errAway)}) {
		t.Error("permanent errors are not told from others")
	}
}
