package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/run"
)

var allServices = []string{"order", "payment", "inventory"}

// The broker loses what it had acknowledged, or all of it, while the databases keep
// it. Each service says so and stops; afterwards every reader has every state again.
func TestRepublish_GivesTheTopicsWhatTheyLost(t *testing.T) {
	for name, everything := range map[string]bool{"since a backup": false, "topics and all": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			republishes(t, everything)
		})
	}
}

func republishes(t *testing.T, everything bool) {
	t.Helper()
	data, kept := t.TempDir(), t.TempDir()
	during(t, data, func(w *world) {
		w.stock(t, "TEAPOT", 100)
		w.place(t, "before", "TEAPOT", "pm_card_visa")
	})
	broker := filepath.Join(data, "broker")
	if err := os.CopyFS(kept, os.DirFS(broker)); err != nil {
		t.Fatal(err)
	}
	during(t, data, func(w *world) {
		w.place(t, "after", "TEAPOT", "pm_card_visa")
		w.place(t, "declined", "TEAPOT", "pm_card_chargeDeclined")
		succeed(t, "audit", "--data", data)
	})
	if err := os.RemoveAll(broker); err != nil {
		t.Fatal(err)
	}
	if !everything {
		if err := os.CopyFS(broker, os.DirFS(kept)); err != nil {
			t.Fatal(err)
		}
	}

	refused(t, data, "") // by the first of them that looks
	for _, service := range allServices {
		for _, command := range []string{"reread", "republish"} {
			if out, _, code := murmur(t, command, service, "--data", data); code != run.ExitInconsistent {
				t.Errorf("murmur %s %s: exit code %d, want %d\n%s", command, service, code, run.ExitInconsistent, out)
			}
			succeed(t, command, service, "--data", data, "--apply")
		}
	}
	during(t, data, func(w *world) {
		w.place(t, "later", "TEAPOT", "pm_card_visa")
		succeed(t, "audit", "--data", data)
		succeed(t, "rebuild", "--data", data)
		contains(t, succeed(t, "order", "after", "--data", data), "COMPLETED", "CAPTURED", "COMMITTED")
	})
	for _, service := range allServices {
		contains(t, succeed(t, "republish", service, "--data", data), "lack the last record of 0")
		contains(t, succeed(t, "reread", service, "--data", data), "every position can be true")
	}
}

// What the topics have and the database has not would be contradicted.
func TestRepublish_RefusesADatabaseThatIsBehind(t *testing.T) {
	data := t.TempDir()
	during(t, data, func(w *world) { w.stock(t, "TEAPOT", 100) })
	restored := backup(t, data, "order")
	during(t, data, func(w *world) { w.place(t, "after", "TEAPOT", "pm_card_visa") })
	restored()
	_, errs, code := murmur(t, "republish", "order", "--data", data, "--apply")
	if code != run.ExitInconsistent {
		t.Errorf("exit code %d, want %d", code, run.ExitInconsistent)
	}
	contains(t, errs, "adopt them first")
}

func TestRecovery_SaysWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no such service":   {[]string{"adopt", "shipping"}, run.ExitUsage, "is no service"},
		"no service":        {[]string{"adopt"}, run.ExitUsage, "accepts 1 arg"},
		"nothing given":     {[]string{"adopt", "order"}, run.ExitConfig, "DATABASE_URL is empty"},
		"never a platform":  {[]string{"adopt", "order", "--data", "nowhere"}, run.ExitUsage, "no platform is running here"},
		"running":           {[]string{"adopt", "order", "--data", shared.data}, run.ExitConfig, "in use by another process"},
		"database in use":   {[]string{"adopt", "order", "--database", "sqlite://" + filepath.Join(shared.data, "order.db"), "--kafka", shared.Kafka, "--registry", shared.Registry}, run.ExitConfig, "in use"},
		"no broker answers": {[]string{"adopt", "order", "--database", "sqlite:///" + t.TempDir() + "/new.db", "--kafka", "127.0.0.1:1", "--registry", shared.Registry}, run.ExitTempFail, "127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, errs, code := murmur(t, c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			contains(t, errs, c.says)
		})
	}
}
