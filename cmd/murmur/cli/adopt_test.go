package cli

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// A database is set back while the others go on. The service says so and stops;
// after `murmur adopt` it goes on from what the topics tell, and the audit finds
// nothing.
func TestAdopt_BringsADatabaseThatWasSetBackForward(t *testing.T) {
	for _, service := range []string{"order", "payment", "inventory"} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			during(t, data, func(w *world) {
				w.stock(t, "TEAPOT", 100)
				w.place(t, "before", "TEAPOT", "pm_card_visa")
				succeed(t, "audit", "--data", data)
			})
			restored := backup(t, data, service)
			during(t, data, func(w *world) {
				w.place(t, "after", "TEAPOT", "pm_card_visa")
				w.place(t, "declined", "TEAPOT", "pm_card_chargeDeclined")
				post(t, w.Order.API+"/orders/before/returns", `{"return_id": "r", "lines": [{"line": 1, "quantity": 1}]}`)
				w.settle(t, "before")
				succeed(t, "audit", "--data", data)
			})
			restored()

			refused(t, data, "database is older than its topics")
			out, _, code := murmur(t, "adopt", service, "--data", data)
			if code != run.ExitInconsistent {
				t.Errorf("exit code %d for a look at what differs, want %d", code, run.ExitInconsistent)
			}
			contains(t, out, "database is older than its topics", "after", "declined", "nothing was changed")
			refused(t, data, "database is older than its topics") // it only looked
			contains(t, succeed(t, "adopt", service, "--data", data, "--apply"), "adopted", "can be started")

			during(t, data, func(w *world) {
				succeed(t, "audit", "--data", data)
				succeed(t, "rebuild", "--data", data)
				w.place(t, "later", "TEAPOT", "pm_card_visa")
				post(t, w.Order.API+"/orders/after/returns", `{"return_id": "r", "lines": [{"line": 1, "quantity": 3}]}`)
				w.settle(t, "after")
				succeed(t, "audit", "--data", data)
			})
			contains(t, succeed(t, "adopt", service, "--data", data), "the topics have nothing that the database has not")
		})
	}
}

// during runs a platform for as long as work takes.
func during(t *testing.T, data string, work func(*world)) {
	t.Helper()
	duringOn(t, embedded.Config{Data: data, Logger: zap.NewNop()}, work)
}

// duringOn is during for a platform of any kind.
func duringOn(t *testing.T, cfg embedded.Config, work func(*world)) {
	t.Helper()
	w, err := startOn(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.stop(); err != nil {
			t.Error(err)
		}
	}()
	work(w)
}

// refused starts a platform that must stop by itself.
func refused(t *testing.T, data, why string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, errs live
	err := Execute(ctx, []string{"up", "--data", data, "--any-ports", "--log-level", "error"}, &out, &errs)
	if run.ExitCode(err) != run.ExitInconsistent || !strings.Contains(err.Error(), why) {
		t.Fatalf("the platform ended with %v, want %q", err, why)
	}
}

// backup copies a service's database, and returns what puts the copy in its place.
func backup(t *testing.T, data, service string) (restore func()) {
	t.Helper()
	kept := t.TempDir()
	files := func(dir string) []string {
		found, err := filepath.Glob(filepath.Join(dir, service+".db*"))
		if err != nil || len(found) == 0 {
			t.Fatal("no database in ", dir, err)
		}
		return found
	}
	move := func(from, to string) {
		for _, file := range files(from) {
			raw, err := os.ReadFile(file)
			if err == nil {
				err = os.WriteFile(filepath.Join(to, filepath.Base(file)), raw, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	move(data, kept)
	return func() {
		for _, file := range files(data) {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
		move(kept, data)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %v\n%s", url, answer.Status, err, text)
	}
	return string(text)
}
