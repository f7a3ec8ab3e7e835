package kafka

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

func ordersSpec() TopicSpec {
	return TopicSpec{Name: "orders", Partitions: 6, ReplicationFactor: -1, Configs: map[string]string{
		"cleanup.policy": "compact", "min.compaction.lag.ms": "60000",
	}}
}

func TestVerifyTopics_NamesEveryDifference(t *testing.T) {
	brokers := kafkatest.Start(t)
	cl := franz(t, brokers)
	createTopic(t, cl, "narrow", 3, map[string]string{"cleanup.policy": "compact"})
	createTopic(t, cl, "deleting", 6, map[string]string{"cleanup.policy": "delete", "retention.ms": "1000"})
	createTopic(t, cl, "right", 6, map[string]string{"cleanup.policy": "delete,compact"})
	c := consumerClient(t, brokers)

	err := c.VerifyTopics(consumerContext(t),
		TopicSpec{Name: "missing", Partitions: 6},
		TopicSpec{Name: "narrow", Partitions: 6, Configs: map[string]string{"cleanup.policy": "compact"}},
		TopicSpec{Name: "deleting", Partitions: 1, Configs: map[string]string{"cleanup.policy": "compact", "retention.ms": "-1"}},
		TopicSpec{Name: "right", Partitions: 6, Configs: map[string]string{"cleanup.policy": "compact,delete"}},
	)
	var mismatch *TopicMismatchError
	if !errors.As(err, &mismatch) {
		t.Fatalf("%v", err)
	}
	want := []TopicMismatch{
		{"missing", "existence", "exists", "missing"},
		{"narrow", "partitions", "6", "3"},
		{"deleting", "partitions", "1", "6"},
		{"deleting", "cleanup.policy", "compact", "delete"},
		{"deleting", "retention.ms", "-1", "1000"},
	}
	if !slices.Equal(mismatch.Mismatches, want) {
		t.Errorf("%q\nwant %q", mismatch.Mismatches, want)
	}
	if !containsAll(err.Error(), "missing: missing", `narrow: partitions: expected "6", found "3"`, `deleting: cleanup.policy: expected "compact", found "delete"`) {
		t.Errorf("message: %v", err)
	}
	if err := c.VerifyTopics(consumerContext(t), TopicSpec{Name: "right", Partitions: 6}); err != nil {
		t.Errorf("as declared: %v", err)
	}
}

// A broker shows settings in its own words.
func TestSameConfig_ComparesAsBrokersDo(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"1", "1.0", true}, {"0.5", "0.50", true}, {"1.0E-4", "0.0001", true}, {"compact,delete", "delete, compact", true}, {"", "", true},
		{"1", "2", false}, {"0.5", "0.05", false}, {"compact", "delete", false}, {"1", "", false}, {"compact", "1", false},
		{"9223372036854775807", "9223372036854775806", false},
	} {
		if got := sameConfig(c.a, c.b); got != c.same {
			t.Errorf("%q and %q are the same: %v", c.a, c.b, got)
		}
	}
}

func TestTopicSpecs_ReportEveryFaultBeforeAskingTheCluster(t *testing.T) {
	c := consumerClient(t, []string{"127.0.0.1:1"})
	specs := []TopicSpec{
		{Name: "no spaces please", Partitions: 1},
		{Name: strings.Repeat("x", 250), Partitions: 1},
		{Name: "none", Partitions: 0, ReplicationFactor: -2},
		{Name: "twice", Partitions: 1}, {Name: "twice", Partitions: 1},
		{Name: "..", Partitions: 1}, {Name: "fine-1_a.b", Partitions: 1},
	}
	_, apply := c.ApplyTopics(t.Context(), specs...)
	for _, err := range []error{apply, c.VerifyTopics(t.Context(), specs...)} {
		if err == nil || !containsAll(err.Error(), "no spaces", "xxx", "0 partitions", "replication factor -2", "declared twice", `".."`) || strings.Contains(err.Error(), "fine") {
			t.Errorf("%v", err)
		}
	}
}

func TestApplyTopics_CreatesAltersAndThenChangesNothing(t *testing.T) {
	brokers := kafkatest.Start(t, kfake.NumBrokers(3))
	c, ctx := consumerClient(t, brokers), consumerContext(t)
	spec := ordersSpec()
	changes, err := c.ApplyTopics(ctx, spec, TopicSpec{Name: "plain", Partitions: 1})
	if err != nil || len(changes) != 2 || !changes[0].Created || !changes[1].Created {
		t.Fatalf("%v, %v", changes, err)
	}
	if err := c.VerifyTopics(ctx, spec); err != nil {
		t.Error(err)
	}
	info, err := c.DescribeTopics(ctx, "orders")
	if err != nil || len(info["orders"].Partitions) != 6 || !info["orders"].led() || info["orders"].ID == (TopicID{}) {
		t.Errorf("%+v, %v", info, err)
	}
	if changes, err = c.ApplyTopics(ctx, spec); err != nil || len(changes) != 0 {
		t.Errorf("again: %v, %v", changes, err)
	}
	spec.Configs["min.compaction.lag.ms"] = "120000"
	changes, err = c.ApplyTopics(ctx, spec)
	if want := []TopicChange{{Topic: "orders", Config: "min.compaction.lag.ms", From: "60000", To: "120000"}}; err != nil || !slices.Equal(changes, want) {
		t.Errorf("%v, %v; want %v", changes, err, want)
	}
	// A config that is no longer named keeps its value.
	delete(spec.Configs, "min.compaction.lag.ms")
	if changes, err = c.ApplyTopics(ctx, spec); err != nil || len(changes) != 0 {
		t.Errorf("unnamed: %v, %v", changes, err)
	}
	if err := c.VerifyTopics(ctx, TopicSpec{Name: "orders", Partitions: 6, Configs: map[string]string{"min.compaction.lag.ms": "120000"}}); err != nil {
		t.Error(err)
	}
}

func TestApplyTopics_NeverChangesAPartitionCount(t *testing.T) {
	brokers := kafkatest.Start(t)
	c, ctx := consumerClient(t, brokers), consumerContext(t)
	createTopic(t, franz(t, brokers), "orders", 3, map[string]string{"cleanup.policy": "delete"})
	changes, err := c.ApplyTopics(ctx, ordersSpec(), TopicSpec{Name: "other", Partitions: 1})
	var mismatch *TopicMismatchError
	if !errors.As(err, &mismatch) || !slices.Equal(mismatch.Mismatches, []TopicMismatch{{"orders", "partitions", "6", "3"}}) {
		t.Errorf("%v", err)
	}
	if len(changes) != 3 { // "other" created, two configs of "orders"
		t.Errorf("the rest was not done: %v", changes)
	}
	info, err := c.DescribeTopics(ctx, "orders", "other")
	if err != nil || len(info["orders"].Partitions) != 3 || len(info["other"].Partitions) != 1 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestApplyTopics_BySeveralAtOnceAgrees(t *testing.T) {
	brokers := kafkatest.Start(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	created := 0
	for range 6 {
		c := consumerClient(t, brokers)
		wg.Go(func() {
			changes, err := c.ApplyTopics(consumerContext(t), ordersSpec())
			mu.Lock()
			defer mu.Unlock()
			created += len(changes)
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if created != 1 {
		t.Errorf("created %d times", created)
	}
}

func TestApplyTopics_SurvivesALostAnswer(t *testing.T) {
	cluster := kafkatest.StartCluster(t)
	cluster.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.CreateTopics), Drop: true, After: true})
	cluster.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.DescribeConfigs), Drop: true})
	c := consumerClient(t, cluster.Brokers)
	if _, err := c.ApplyTopics(consumerContext(t), ordersSpec()); err != nil {
		t.Fatal(err)
	}
	if err := c.VerifyTopics(consumerContext(t), ordersSpec()); err != nil {
		t.Error(err)
	}
}

func TestApplyTopics_WaitsForTheLeaders(t *testing.T) {
	cluster := kafkatest.StartCluster(t)
	left := 4
	var mu sync.Mutex
	cluster.Proxy.Inject(kafkatest.Fault{
		Key: int16(kmsg.Metadata), Times: kafkatest.Always, After: true,
		Edit: func(_ kmsg.Request, resp kmsg.Response) {
			mu.Lock()
			defer mu.Unlock()
			for _, rt := range resp.(*kmsg.MetadataResponse).Topics {
				if rt.ErrorCode == 0 && left > 0 {
					left--
					rt.Partitions[2].Leader = -1
				}
			}
		},
	})
	c := consumerClient(t, cluster.Brokers)
	if _, err := c.ApplyTopics(consumerContext(t), ordersSpec()); err != nil {
		t.Fatal(err)
	}
	if left != 0 {
		t.Errorf("returned with %d looks at a partition without a leader to go", left)
	}
}

// Brokers hear of a change after the controller agreed to it. An Apply that came
// back before would let the next one, back to the old value, do nothing.
func TestApplyTopics_WaitsUntilTheBrokerShowsWhatWasSet(t *testing.T) {
	c := kafkatest.StartCluster(t)
	cl := consumerClient(t, c.Brokers)
	spec := ordersSpec()
	if _, err := cl.ApplyTopics(consumerContext(t), spec); err != nil {
		t.Fatal(err)
	}
	spec.Configs["min.compaction.lag.ms"] = "1"
	stale := c.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.DescribeConfigs), Times: 4, After: true, Edit: func(_ kmsg.Request, resp kmsg.Response) {
		for i, cfg := range resp.(*kmsg.DescribeConfigsResponse).Resources[0].Configs {
			if cfg.Name == "min.compaction.lag.ms" {
				resp.(*kmsg.DescribeConfigsResponse).Resources[0].Configs[i].Value = kmsg.StringPtr("60000")
			}
		}
	}})
	changes, err := cl.ApplyTopics(consumerContext(t), spec)
	if err != nil || len(changes) != 1 {
		t.Fatalf("changed %v: %v", changes, err)
	}
	if stale.Hits() != 4 {
		t.Errorf("came back after %d looks that showed the old value, of 4", stale.Hits())
	}
	if err := cl.VerifyTopics(consumerContext(t), spec); err != nil {
		t.Error(err)
	}
}

func TestApplyTopics_ReportsEverythingTheBrokerRefuses(t *testing.T) {
	const policyViolation, invalidReplication, invalidConfig = 44, 38, 40
	cluster := kafkatest.StartCluster(t)
	cluster.Proxy.Inject(kafkatest.Fault{
		Key: int16(kmsg.CreateTopics), After: true,
		Edit: func(_ kmsg.Request, resp kmsg.Response) {
			for i, code := range []int16{policyViolation, invalidReplication, 7} {
				rt := &resp.(*kmsg.CreateTopicsResponse).Topics[i]
				rt.ErrorCode, rt.ErrorMessage = code, kmsg.StringPtr(fmt.Sprint("because of ", code))
			}
		},
	})
	c := consumerClient(t, cluster.Brokers)
	_, err := c.ApplyTopics(consumerContext(t), TopicSpec{Name: "a", Partitions: 1}, TopicSpec{Name: "b", Partitions: 1}, TopicSpec{Name: "c", Partitions: 1})
	if err == nil || !containsAll(err.Error(), "POLICY_VIOLATION", "because of 44", "INVALID_REPLICATION_FACTOR", "because of 38") {
		t.Errorf("create: %v", err)
	}
	cluster.Proxy.Inject(kafkatest.Fault{
		Key: int16(kmsg.IncrementalAlterConfigs), After: true,
		Edit: func(_ kmsg.Request, resp kmsg.Response) {
			r := &resp.(*kmsg.IncrementalAlterConfigsResponse).Resources[0]
			r.ErrorCode, r.ErrorMessage = invalidConfig, kmsg.StringPtr("no such thing")
		},
	})
	changes, err := c.ApplyTopics(consumerContext(t), TopicSpec{Name: "a", Partitions: 1, Configs: map[string]string{"cleanup.policy": "shred"}})
	if err == nil || len(changes) != 0 || !containsAll(err.Error(), `"a"`, "INVALID_CONFIG", "no such thing") {
		t.Errorf("alter: %v, %v", changes, err)
	}
}

func TestDescribeTopics_ARecreatedTopicHasAnotherID(t *testing.T) {
	cluster := kafkatest.StartCluster(t)
	c, ctx := consumerClient(t, cluster.Brokers), consumerContext(t)
	ids := map[TopicID]bool{}
	for range 3 {
		if _, err := c.ApplyTopics(ctx, ordersSpec()); err != nil {
			t.Fatal(err)
		}
		info, err := c.DescribeTopics(ctx, "orders")
		if err != nil {
			t.Fatal(err)
		}
		id := info["orders"].ID
		if back, err := ParseTopicID(id.String()); err != nil || back != id {
			t.Errorf("%v came back as %v, %v", id, back, err)
		}
		ids[id] = true
		if err := cluster.Fake.DeleteTopic("orders"); err != nil {
			t.Fatal(err)
		}
		info, err = c.DescribeTopics(ctx, "orders")
		if !errors.Is(err, ErrUnknownTopic) || len(info) != 0 {
			t.Errorf("deleted: %v, %v", info, err)
		}
	}
	if len(ids) != 3 {
		t.Errorf("%d ids of 3 topics", len(ids))
	}
}

func TestTopicID_PrintsAsKafkaDoes(t *testing.T) {
	// Kafka's Uuid.METADATA_TOPIC_ID is (0, 1).
	if got := (TopicID{15: 1}).String(); got != "AAAAAAAAAAAAAAAAAAAAAQ" {
		t.Errorf("got %s", got)
	}
	for _, bad := range []string{"", "AAAA", "AAAAAAAAAAAAAAAAAAAAAQ==", "!AAAAAAAAAAAAAAAAAAAAQ"} {
		if id, err := ParseTopicID(bad); err == nil {
			t.Errorf("%q was read as %s", bad, id)
		}
	}
}

func TestTopicChange_SaysWhatWasDone(t *testing.T) {
	got := fmt.Sprint(TopicChange{Topic: "a", Created: true}, TopicChange{Topic: "b", Config: "c", From: "1", To: "2"})
	if want := `created topic a topic b: c changed from "1" to "2"`; got != want {
		t.Errorf("%s", got)
	}
}
