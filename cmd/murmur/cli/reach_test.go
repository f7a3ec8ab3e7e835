package cli

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/pkg/kafka/kafkatest"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// Commands reach secured brokers with what services take from the environment.
func TestReachKafka_TakesCredentialsFromTheEnvironment(t *testing.T) {
	cluster := kafkatest.StartCluster(t, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "topics", "right"))
	broker := cluster.Brokers[0]
	t.Setenv("KAFKA_USERNAME", "topics")
	t.Setenv("KAFKA_PASSWORD", "right")
	contains(t, succeed(t, "topics", "apply", "--replication-factor", "1", "--kafka", broker), "created topic orders")
	const refused = 58 // in-process brokers hang up where others say this
	refusal := cluster.Proxy.Inject(kafkatest.Fault{Key: int16(kmsg.SASLAuthenticate), Code: refused, Times: kafkatest.Always})
	_, errs, code := murmur(t, "topics", "--kafka", broker)
	if code != run.ExitConfig {
		t.Errorf("exit code %d", code)
	}
	contains(t, errs, "KAFKA_USERNAME and KAFKA_PASSWORD", "refuse")
	refusal.Remove()
	t.Setenv("KAFKA_PASSWORD", "")
	_, errs, code = murmur(t, "topics", "--kafka", broker)
	if code != run.ExitConfig {
		t.Errorf("exit code %d", code)
	}
	contains(t, errs, "KAFKA_USERNAME and KAFKA_PASSWORD belong together")
}
