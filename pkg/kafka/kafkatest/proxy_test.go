package kafkatest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// metadata asks once, without the retries of the client.
func metadata(t *testing.T, c *kafkatest.Cluster) (*kmsg.MetadataResponse, error) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers...), kgo.RequestRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req := kmsg.NewPtrMetadataRequest()
	rt := kmsg.NewMetadataRequestTopic()
	rt.Topic = kmsg.StringPtr("events")
	req.Topics = append(req.Topics, rt)
	resp, err := cl.SeedBrokers()[0].Request(ctx, req)
	if err != nil {
		return nil, err
	}
	return resp.(*kmsg.MetadataResponse), nil
}

func start(t *testing.T) *kafkatest.Cluster {
	t.Helper()
	return kafkatest.StartCluster(t, kfake.NumBrokers(2), kfake.SeedTopics(1, "events"))
}

func TestProxy_IsWhatTheBrokersAdvertise(t *testing.T) {
	c := start(t)
	resp, err := metadata(t, c)
	if err != nil {
		t.Fatal(err)
	}
	if len(resp.Brokers) != 2 || len(c.Brokers) != 2 {
		t.Fatalf("%d brokers answered, %d addresses", len(resp.Brokers), len(c.Brokers))
	}
	if n := len(kafkatest.Requests[*kmsg.MetadataRequest](c.Proxy)); n != 1 {
		t.Errorf("saw %d requests", n)
	}
}

func TestProxy_AnswersWithACode(t *testing.T) {
	for _, after := range []bool{false, true} {
		c := start(t)
		in := c.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Metadata), Code: kerr.LeaderNotAvailable.Code, After: after})
		resp, err := metadata(t, c)
		if err != nil || resp.Topics[0].ErrorCode != kerr.LeaderNotAvailable.Code {
			t.Errorf("got %+v, %v", resp, err)
		}
		in.Wait(t)
		if resp, err = metadata(t, c); err != nil || resp.Topics[0].ErrorCode != 0 {
			t.Errorf("the fault outlives its use: %+v, %v", resp, err)
		}
	}
}

func TestProxy_DropsTheConnection(t *testing.T) {
	c := start(t)
	in := c.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Metadata), Drop: true, Times: kafkatest.Always})
	if _, err := metadata(t, c); err == nil {
		t.Error("an answer all the same")
	}
	if in.Hits() == 0 {
		t.Error("no hit")
	}
	in.Remove()
	if _, err := metadata(t, c); err != nil {
		t.Errorf("after its removal: %v", err)
	}
}

func TestProxy_EditsTheBrokersAnswer(t *testing.T) {
	c := start(t)
	c.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Metadata), After: true, Edit: func(_ kmsg.Request, resp kmsg.Response) {
		resp.(*kmsg.MetadataResponse).ControllerID = 77
	}})
	resp, err := metadata(t, c)
	if err != nil || resp.ControllerID != 77 || len(resp.Topics) != 1 {
		t.Errorf("got %+v, %v", resp, err)
	}
}

func TestProxy_HoldsUntilReleased(t *testing.T) {
	for _, after := range []bool{false, true} {
		c := start(t)
		release := make(chan struct{})
		in := c.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Metadata), Hold: release, After: after})
		done := make(chan error, 1)
		go func() { _, err := metadata(t, c); done <- err }()
		<-in.Held()
		select {
		case err := <-done:
			t.Fatalf("answered before the release: %v", err)
		default:
		}
		close(release)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// A broker that advertises an address of a proxy keeps it over restarts of both.
func TestProxy_TakesAnAddressThatIsAdvertisedAlready(t *testing.T) {
	brokers := kafkatest.Start(t)
	first := kafkatest.NewProxy(t)
	front, err := first.Forward(brokers[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kafkatest.NewProxy(t).ForwardAt(front.String(), brokers[0]); err == nil {
		t.Fatal("two proxies at one address")
	}
	first.Close()
	if again, err := kafkatest.NewProxy(t).ForwardAt(front.String(), brokers[0]); err != nil || again.String() != front.String() {
		t.Fatalf("at %v: %v", again, err)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(front.String()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestProxy_MatchesAndCounts(t *testing.T) {
	c := start(t)
	never := c.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Metadata), Code: 5, Match: func(kmsg.Request) bool { return false }})
	twice := c.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.Metadata), Code: 5, Times: 2})
	refused := 0
	for range 4 {
		resp, err := metadata(t, c)
		if err != nil {
			t.Fatal(err)
		}
		if errors.Is(kerr.ErrorForCode(resp.Topics[0].ErrorCode), kerr.LeaderNotAvailable) {
			refused++
		}
	}
	if refused != 2 || twice.Hits() != 2 || never.Hits() != 0 {
		t.Errorf("refused %d times, counted %d and %d", refused, twice.Hits(), never.Hits())
	}
}

func TestStart_LeadsToABroker(t *testing.T) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(kafkatest.Start(t)...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
