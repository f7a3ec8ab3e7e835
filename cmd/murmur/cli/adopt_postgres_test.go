package cli

import (
	"errors"
	"net/url"
	"os"
	"testing"

	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres/postgrestest"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// The same on a server of PostgreSQL: all three databases are restored from one
// night's backup, and the card gateway and the topics are not.
func TestAdopt_BringsAllDatabasesOfAPostgreSQLServerForward(t *testing.T) {
	server, err := postgrestest.StartOwn(t.Context())
	if errors.Is(err, postgrestest.ErrNoServer) && os.Getenv("CI") == "" {
		t.Log("not proved:", err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	}()
	data := t.TempDir()
	platform := func(work func(*world)) {
		t.Helper()
		duringOn(t, embedded.Config{Data: data, External: embedded.External{Postgres: server.URL()}, Logger: zap.NewNop()}, work)
	}
	sql := func(statement string) {
		t.Helper()
		if err := server.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	platform(func(w *world) {
		w.stock(t, "TEAPOT", 100)
		w.place(t, "before", "TEAPOT", "pm_card_visa")
	})
	for _, service := range allServices {
		sql(`CREATE DATABASE backup_` + service + ` TEMPLATE murmuration_` + service)
	}
	platform(func(w *world) {
		w.place(t, "after", "TEAPOT", "pm_card_visa")
		w.place(t, "declined", "TEAPOT", "pm_card_chargeDeclined")
	})
	for _, service := range allServices {
		sql(`DROP DATABASE murmuration_` + service)
		sql(`ALTER DATABASE backup_` + service + ` RENAME TO murmuration_` + service)
	}

	err = Execute(t.Context(), []string{"up", "--data", data, "--any-ports", "--log-level", "error", "--postgres", server.URL()}, &live{}, &live{})
	if run.ExitCode(err) != run.ExitInconsistent {
		t.Fatalf("the platform ended with %v", err)
	}
	for _, service := range allServices {
		at, err := url.Parse(server.URL())
		if err != nil {
			t.Fatal(err)
		}
		at.Path = "/murmuration_" + service
		contains(t, succeed(t, "adopt", service, "--data", data, "--database", at.String(), "--apply"), "after", "adopted", "can be started")
	}
	platform(func(w *world) {
		succeed(t, "audit", "--data", data)
		succeed(t, "rebuild", "--data", data)
		w.place(t, "later", "TEAPOT", "pm_card_visa")
		succeed(t, "audit", "--data", data)
	})
}
