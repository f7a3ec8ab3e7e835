//go:build e2e

package settings

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// inBroker runs one of Kafka's own tools.
func inBroker(t *testing.T, tool string, args ...string) {
	t.Helper()
	command := append([]string{"/opt/kafka/bin/" + tool + ".sh", "--bootstrap-server", all.Kafka.Inside()[0]}, args...)
	if out, err := all.Kafka.Exec(t.Context(), 0, command...); err != nil {
		t.Fatal(err, out)
	}
}

// Topics are shared by all tests here, so this one is first and runs alone.
func TestBroker_WhoseTopicsWereMadeByHandIsRefused(t *testing.T) {
	inBroker(t, "kafka-topics", "--create", "--topic", "orders", "--partitions", "3", "--replication-factor", "1")
	for _, service := range services {
		start(t, service, alone(t, service).with("KAFKA_BROKERS", all.Brokers())).expectRefusal(t, exitConfig, "murmur topics apply",
			`orders: partitions: expected "6", found "3"`, `orders: cleanup.policy: expected "compact", found "delete"`)
	}
	inBroker(t, "kafka-topics", "--delete", "--topic", "orders")
	eventually(t, "the topics are as declared", func() error {
		_, err := client(t).ApplyTopics(t.Context(), declared()...)
		return err
	})

	inBroker(t, "kafka-configs", "--alter", "--entity-type", "topics", "--entity-name", "payments", "--add-config", "cleanup.policy=delete")
	start(t, "order", alone(t, "order").with("KAFKA_BROKERS", all.Brokers())).expectRefusal(t, exitConfig, `payments: cleanup.policy: expected "compact", found "delete"`)
	topics(t)
}

func TestBroker_ThatRefusesCredentialsIsNamed(t *testing.T) {
	inBroker(t, "kafka-configs", "--alter", "--add-config", "SCRAM-SHA-512=[password=right]", "--entity-type", "users", "--entity-name", "order")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, all.Kafka.Authority.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	secure := alone(t, "order").with("KAFKA_BROKERS", all.Kafka.Secure()[0], "KAFKA_TLS", "true", "KAFKA_CA_FILE", ca,
		"KAFKA_USERNAME", "order", "KAFKA_PASSWORD", "right")
	for name, c := range map[string]struct {
		set  settings
		says []string
	}{
		"password":    {secure.with("KAFKA_PASSWORD", "wrong"), []string{"KAFKA_USERNAME and KAFKA_PASSWORD", "AUTHENTICATION_FAILED"}},
		"user":        {secure.with("KAFKA_USERNAME", "nobody"), []string{"KAFKA_USERNAME and KAFKA_PASSWORD"}},
		"certificate": {secure.with("KAFKA_CA_FILE", ""), []string{"KAFKA_CA_FILE", "not trusted"}},
		"no rights":   {secure, []string{"KAFKA_USERNAME", "do not allow", "murmur acls"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start(t, "order", c.set).expectRefusal(t, exitConfig, c.says...)
		})
	}
}

// Neither side can tell that it is spoken to in the wrong way: both look like a
// network that fails.
func TestBroker_SpokenToWithoutTLSIsTriedAgainAndNamed(t *testing.T) {
	t.Parallel()
	p := start(t, "order", alone(t, "order").with("KAFKA_BROKERS", all.Kafka.Secure()[0]))
	p.expectSays(t, "KAFKA_BROKERS "+all.Kafka.Secure()[0], "expecting TLS")
	p.expectQuiet(t)
}

func TestBroker_ThatIsAwayIsNamedAndWaitedFor(t *testing.T) {
	topics(t)
	for name, m := range map[string]mode{"refused": shut, "silent": silent} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t, all.Kafka.Addresses()[0], m)
			p := start(t, "order", right(t, "order").with("KAFKA_BROKERS", g.address()))
			p.expectReadiness(t, 200)
			p.expectAccepts(t, "while-kafka-is-away-"+name)
			p.expectSays(t, "KAFKA_BROKERS "+g.address())
			p.expectReadiness(t, 200, `"degraded"`, "kafka")
			p.expectQuiet(t)
			g.set(open)
			eventually(t, "it is published", func() error { return published(t, "while-kafka-is-away-"+name) })
			p.expectReadiness(t, 200, `"ready"`)
		})
	}
}

// A broker that stops answering while everything runs.
func TestBroker_ThatFreezesIsOutlasted(t *testing.T) {
	topics(t)
	p := start(t, "order", right(t, "order"))
	p.expectReadiness(t, 200, `"ready"`)
	if err := all.Kafka.Pause(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	resumed := false
	resume := func() {
		if resumed {
			return
		}
		resumed = true
		if err := all.Kafka.Resume(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}
	defer resume()
	p.expectAccepts(t, "while-kafka-is-frozen")
	p.began = time.Now()
	p.expectQuiet(t)
	p.expectAccepts(t, "while-kafka-is-frozen-still")
	resume()
	for _, id := range []string{"while-kafka-is-frozen", "while-kafka-is-frozen-still"} {
		eventually(t, id+" is published", func() error { return published(t, id) })
	}
	p.expectReadiness(t, 200, `"ready"`)
}
