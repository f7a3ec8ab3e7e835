//go:build e2e

package settings

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/e2e/servers"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

const (
	// patience is how long a test waits for what takes moments.
	patience = time.Minute
	// sayWithin is what is promised: so soon a service says what is wrong.
	sayWithin = 10 * time.Second
	// quietFor is how long a test listens to a service that waits, and quietLines how
	// much it may say: one line for each of the things that wait, twice.
	quietFor   = 12 * time.Second
	quietLines = 4

	exitConfig = 78
)

var (
	all      *servers.Servers
	binaries string // the folder of the services' programs
	errEnded = errors.New("it ended")
)

var services = []string{"order", "payment", "inventory"}

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) (code int) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "settings")
	if err != nil {
		return complain(err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // of a temporary folder
	binaries = dir
	if err := build(ctx, dir); err != nil {
		return complain(err)
	}
	all, err = servers.Start(ctx)
	defer func() {
		if err := all.Close(); err != nil {
			code = complain(err)
		}
		if err := goleak.Find(); err != nil && code == 0 {
			code = complain(err)
		}
	}()
	if err != nil {
		return complain(err)
	}
	return m.Run()
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// build makes the programs of the services.
func build(ctx context.Context, dir string) error {
	args := []string{"build", "-o", dir}
	for _, s := range services {
		args = append(args, "github.com/murmuration-dev/murmuration/services/"+s+"/cmd/"+s)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "GOFLAGS=") // flags meant for this test are not meant for what it starts
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build services: %w\n%s", err, out)
	}
	return nil
}

// right are settings of a service that work. All that run by them have the same
// database: a service has one, which its topics know.
func right(t *testing.T, service string) settings {
	t.Helper()
	return of(t, service)
}

// alone are settings of a service with a database of its own and no broker, so that
// it disturbs nobody.
func alone(t *testing.T, service string) settings {
	t.Helper()
	own := strings.ToLower(strings.NewReplacer("/", "_", " ", "_", "'", "").Replace(t.Name())) + "_" + service
	const longest = 63 // of a name in PostgreSQL
	return of(t, own[max(0, len(own)-longest):]).with("KAFKA_BROKERS", nobody)
}

// nobody listens here.
const nobody = "127.0.0.1:1"

func of(t *testing.T, database string) settings {
	t.Helper()
	url, err := all.Database(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	return settings{
		"DATABASE_URL": url, "KAFKA_BROKERS": all.Brokers(), "SCHEMA_REGISTRY_URL": all.Registry(),
		"GATEWAY_URL": "http://" + nobody, "GATEWAY_KEY": "sk_test", // the gateway is asked only when an order is there
	}
}

// with are settings with some of them changed.
func (s settings) with(changes ...string) settings {
	out := settings{}
	for name, value := range s {
		out[name] = value
	}
	for i := 0; i+1 < len(changes); i += 2 {
		out[changes[i]] = changes[i+1]
	}
	return out
}

// topics declares all topics at the broker, once.
func topics(t *testing.T) {
	t.Helper()
	c := client(t)
	if _, err := c.ApplyTopics(t.Context(), declared()...); err != nil {
		t.Fatal(err)
	}
}

func declared() []kafka.TopicSpec { return embedded.Topics() }

func client(t *testing.T) *kafka.Client {
	t.Helper()
	c, err := kafka.NewClient(kafka.Config{Brokers: all.Kafka.Addresses()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// published reports whether a record of this key is in the topic orders.
func published(t *testing.T, key string) error {
	t.Helper()
	found := false
	err := client(t).Scan(t.Context(), kafka.ReadCommitted, []string{"orders"}, func(r kafka.Record) error {
		found = found || string(r.Key) == key
		return nil
	})
	if err == nil && !found {
		err = errors.New("no record of " + key)
	}
	return err
}

// eventually polls what other processes do by themselves.
func eventually(t *testing.T, what string, done func() error) {
	t.Helper()
	end := time.Now().Add(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := done()
		if err == nil {
			return
		}
		if errors.Is(err, errEnded) || time.Now().After(end) {
			t.Fatalf("not so: %s: %v", what, err)
		}
		<-tick.C
	}
}
