package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/run"
)

func TestUp_ReportsAllWrongServersAtOnceWithoutPasswords(t *testing.T) {
	_, errs, code := murmur(t, "up", "--data", filepath.Join(t.TempDir(), "data"), "--any-ports",
		"--kafka", "broker-1:9092,broker-2", "--postgres", "mysql://me:hush@db:3306", "--registry", "registry:8081")
	if code != run.ExitUsage {
		t.Errorf("exit code %d, want %d", code, run.ExitUsage)
	}
	contains(t, errs, `--kafka: `, `"broker-2" is not host:port`, "--postgres: expected postgres://", "--registry: expected http://")
	if strings.Contains(errs, "hush") {
		t.Errorf("the password is shown: %s", errs)
	}
}

func TestUp_SaysWhichServerDoesNotAnswer(t *testing.T) {
	for flag, address := range map[string]string{"--kafka": "127.0.0.1:1", "--postgres": "postgres://me:hush@127.0.0.1:1"} {
		_, errs, code := murmur(t, "up", "--data", filepath.Join(t.TempDir(), "data"), "--any-ports", flag, address)
		if code != run.ExitTempFail {
			t.Errorf("%s: exit code %d, want %d", flag, code, run.ExitTempFail)
		}
		contains(t, errs, flag+": no ", "127.0.0.1:1", "connection refused")
		if strings.Contains(errs, "hush") {
			t.Errorf("the password is shown: %s", errs)
		}
	}
}

func TestTarget_TakesSeveralBrokers(t *testing.T) {
	t.Chdir(t.TempDir())
	to, err := resolve(t, []address{kafkaAddress}, "--kafka", "dead:1,"+shared.Kafka)
	if err != nil || to.Kafka != "dead:1,"+shared.Kafka || len(to.Brokers()) != 2 {
		t.Errorf("is %+v, %v", to, err)
	}
	if _, err := resolve(t, []address{kafkaAddress}, "--kafka", "a:1,b"); run.ExitCode(err) != run.ExitUsage {
		t.Errorf("a broker without a port: %v", err)
	}
	contains(t, succeed(t, "topics", "--kafka", "127.0.0.1:1,"+shared.Kafka), "orders", "ok")
}
