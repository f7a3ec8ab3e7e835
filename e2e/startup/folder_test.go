package startup

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/client"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

// patience is how long a test waits for what takes milliseconds.
const patience = 30 * time.Second

func TestFolder_InUseIsRefused(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	first := up(t, data)
	expectRefusal(t, data, exitConfig, data, "in use", "--data")
	c := client.New(first)
	defer c.Close()
	if _, err := c.Receive(t.Context(), "a", "m1", 1); err != nil {
		t.Errorf("the first platform suffers: %v", err)
	}
}

func TestFolder_OfAnotherKindIsRefused(t *testing.T) {
	t.Parallel()
	write := func(t *testing.T, name, content string) string {
		t.Helper()
		data := t.TempDir()
		if err := os.WriteFile(filepath.Join(data, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return data
	}
	t.Run("newer", func(t *testing.T) { expectRefusal(t, write(t, "format", "2\n"), exitConfig, "newer version") })
	t.Run("older", func(t *testing.T) { expectRefusal(t, write(t, "format", "0\n"), exitConfig, "move it aside") })
	t.Run("damaged", func(t *testing.T) { expectRefusal(t, write(t, "format", "one\n"), exitConfig, "not a format number") })
	t.Run("foreign", func(t *testing.T) {
		data := write(t, "holiday.jpg", "a beach")
		expectRefusal(t, data, exitConfig, "holiday.jpg", "no platform")
		if left, err := os.ReadDir(data); err != nil || len(left) > 2 { // the picture, and the lock
			t.Errorf("left behind in somebody's folder: %v, %v", left, err)
		}
	})
	t.Run("file", func(t *testing.T) {
		expectRefusal(t, filepath.Join(write(t, "file", ""), "file"), exitConfig, "not a directory")
	})
}

func TestFolder_StaysInUseOnlyWhileSomeoneLives(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := up(t, data)
	if err := p.Kill(t.Context(), stack.Everything); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context(), stack.Everything); err != nil {
		t.Errorf("start after kill -9: %v", err)
	}
}

// Replaced by what was saved before, a database must not write history anew.
func TestDatabase_OlderThanTheLogIsRefused(t *testing.T) {
	t.Parallel()
	for _, service := range []string{"order", "payment", "inventory"} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "data")
			p := up(t, data)
			c := client.New(p)
			defer c.Close()
			if _, err := c.Receive(t.Context(), "a", "m1", 10); err != nil {
				t.Fatal(err)
			}
			buy(t, c, "before", "a")
			down(t, p)
			database := filepath.Join(data, service+".db")
			saved, err := os.ReadFile(database)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Start(t.Context(), stack.Everything); err != nil {
				t.Fatal(err)
			}
			for _, id := range []string{"after-1", "after-2", "after-3"} {
				buy(t, c, id, "a")
			}
			down(t, p)
			if err := os.WriteFile(database, saved, 0o600); err != nil {
				t.Fatal(err)
			}
			expectRefusal(t, data, exitInconsistent, service)
		})
	}
}

func TestDatabase_RemovedIsRefused(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := up(t, data)
	c := client.New(p)
	defer c.Close()
	if _, err := c.Receive(t.Context(), "a", "m1", 10); err != nil {
		t.Fatal(err)
	}
	buy(t, c, "before", "a")
	down(t, p)
	if err := os.Remove(filepath.Join(data, "order.db")); err != nil {
		t.Fatal(err)
	}
	expectRefusal(t, data, exitInconsistent, "order")
}

func TestBroker_ThatLostItsLogsIsRefused(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	p := up(t, data)
	c := client.New(p)
	defer c.Close()
	if _, err := c.Receive(t.Context(), "a", "m1", 10); err != nil {
		t.Fatal(err)
	}
	buy(t, c, "before", "a")
	down(t, p)
	if err := os.RemoveAll(filepath.Join(data, "broker")); err != nil {
		t.Fatal(err)
	}
	expectRefusal(t, data, exitInconsistent)
}

func TestCommandLine_ThatIsWrongIsExplained(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"up", "--nonsense"}, {"up", "extra"}, {"up", "--deadline", "soon"}, {"nonsense"}, {"up", "--data", ""}} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		out, err := stack.Command(ctx, murmur, args...)
		cancel()
		if err != nil || out.Code != exitUsage || !strings.HasPrefix(out.Stderr, "murmur: ") {
			t.Errorf("murmur %v: %v, %s; want exit code %d", args, err, out, exitUsage)
		}
	}
}
