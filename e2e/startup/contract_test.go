package startup

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded/registry"
	"github.com/murmuration-dev/murmuration/e2e/client"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

// brokerOf runs the broker of a data folder alone and asks it something.
func brokerOf(t *testing.T, data string, request kmsg.Request) kmsg.Response {
	t.Helper()
	broker, err := embedded.StartBroker(listen(t), filepath.Join(data, "broker"))
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	c, err := kgo.NewClient(kgo.SeedBrokers(broker.Address()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer, err := c.Request(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// emptyFolder is a data folder that no platform has run on yet.
func emptyFolder(t *testing.T) string {
	t.Helper()
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "format"), []byte("1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTopic_WithTooFewPartitionsIsRefused(t *testing.T) {
	t.Parallel()
	data := emptyFolder(t)
	create := kmsg.NewPtrCreateTopicsRequest()
	payments := kmsg.NewCreateTopicsRequestTopic()
	payments.Topic, payments.NumPartitions, payments.ReplicationFactor = "payments", 3, 1
	create.Topics = append(create.Topics, payments)
	create.TimeoutMillis = 10_000
	if code := brokerOf(t, data, create).(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode; code != 0 {
		t.Fatalf("create topic: error code %d", code)
	}
	expectRefusal(t, data, exitConfig, "payments", "partitions", "3", "6")
}

// The platform declares its topics at every start, so what somebody has changed in
// between is set right.
func TestTopic_WithAWrongPolicyIsSetRight(t *testing.T) {
	t.Parallel()
	data := newFolder(t)
	const policy = "cleanup.policy"
	alter := kmsg.NewPtrIncrementalAlterConfigsRequest()
	orders := kmsg.NewIncrementalAlterConfigsRequestResource()
	orders.ResourceType, orders.ResourceName = kmsg.ConfigResourceTypeTopic, "orders"
	to := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	to.Name, to.Op, to.Value = policy, kmsg.IncrementalAlterConfigOpSet, kmsg.StringPtr("delete")
	orders.Configs = append(orders.Configs, to)
	alter.Resources = append(alter.Resources, orders)
	if code := brokerOf(t, data, alter).(*kmsg.IncrementalAlterConfigsResponse).Resources[0].ErrorCode; code != 0 {
		t.Fatalf("alter config: error code %d", code)
	}
	p := up(t, data)
	c := client.New(p)
	defer c.Close()
	if _, err := c.Receive(t.Context(), "a", "m1", 1); err != nil {
		t.Fatal(err)
	}
	buy(t, c, "one", "a")
	down(t, p)
	describe := kmsg.NewPtrDescribeConfigsRequest()
	of := kmsg.NewDescribeConfigsRequestResource()
	of.ResourceType, of.ResourceName, of.ConfigNames = kmsg.ConfigResourceTypeTopic, "orders", []string{policy}
	describe.Resources = append(describe.Resources, of)
	found := brokerOf(t, data, describe).(*kmsg.DescribeConfigsResponse).Resources[0].Configs
	if len(found) != 1 || found[0].Value == nil || *found[0].Value != "compact" {
		t.Errorf("%s of orders is %+v, want compact", policy, found)
	}
}

func TestSchema_ThatIsIncompatibleIsRefused(t *testing.T) {
	t.Parallel()
	data := emptyFolder(t)
	schemas, err := registry.Open(filepath.Join(data, "registry"))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(schemas.Handler())
	body := `{"schema":"{\"type\":\"record\",\"name\":\"Order\",\"namespace\":\"com.murmuration\",\"fields\":[{\"name\":\"order_id\",\"type\":\"long\"}]}"}`
	res, err := http.Post(server.URL+"/subjects/orders-value/versions", "application/vnd.schemaregistry.v1+json", strings.NewReader(body))
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("register: %v, %v", res, err)
	}
	_ = res.Body.Close()
	server.Close()
	if err := schemas.Close(); err != nil {
		t.Fatal(err)
	}
	expectRefusal(t, data, exitConfig, "orders-value", "compatible")
}

// A port that somebody else has is replaced, and the replacement is said and used.
func TestPort_ThatIsTakenIsReplaced(t *testing.T) {
	t.Parallel()
	usual := embedded.DefaultPorts()
	for _, port := range []int{usual.Order, usual.Kafka} {
		occupy(t, port)
	}
	p := start(t, stack.ProcessConfig{Binary: murmur, Data: filepath.Join(t.TempDir(), "data"), UsualPorts: true})
	for _, name := range []string{"port 8080 of order is taken", "port 9092 of kafka is taken"} {
		expectSaid(t, p, name)
	}
	c := client.New(p)
	defer c.Close()
	if _, err := c.Receive(t.Context(), "a", "m1", 1); err != nil {
		t.Fatal(err)
	}
	buy(t, c, "one", "a")
}
