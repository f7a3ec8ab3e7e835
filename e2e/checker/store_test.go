package checker

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres/postgrestest"
	"github.com/murmuration-dev/murmuration/pkg/participant"
)

// world is the databases of a platform of one kind, as the services make them.
type world struct {
	stores Stores
	admin  map[string]*sql.DB
}

// exec changes one database behind the platform's back.
func (w world) exec(t *testing.T, service string, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := w.admin[service].ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %s: %v", service, s, err)
		}
	}
}

// newWorld makes empty databases: one at each URL, named for SQL by driver and
// source, and to the checker by store.
func newWorld(t *testing.T, url, driver, source func(service string) string, store func(service string) Store) world {
	t.Helper()
	w := world{stores: make(Stores), admin: make(map[string]*sql.DB)}
	for _, service := range []string{"order", "payment", "inventory"} {
		made, err := participant.OpenStore(t.Context(), url(service), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := made.Close(); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open(driver(service), source(service))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		w.admin[service], w.stores[service] = db, store(service)
	}
	return w
}

func always(s string) func(string) string { return func(string) string { return s } }

func sqliteWorld(t *testing.T) world {
	dir := t.TempDir()
	file := func(service string) string { return filepath.Join(dir, service+".db") }
	return newWorld(t, func(s string) string { return "sqlite://" + file(s) }, always("sqlite"),
		func(s string) string { return "file:" + file(s) }, func(s string) Store { return SQLite(file(s)) })
}

func postgresWorld(t *testing.T) world {
	server, err := postgrestest.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	urls := make(map[string]string)
	for _, service := range []string{"order", "payment", "inventory"} {
		u, _, err := server.Schema(t.Context(), service)
		if err != nil {
			t.Fatal(err)
		}
		urls[service] = u
	}
	url := func(s string) string { return urls[s] }
	return newWorld(t, url, always("pgx"), url, func(s string) Store { return PostgreSQL(url(s)) })
}

// keep writes what sound keeps.
func (w world) keep(t *testing.T) {
	for service, content := range sound().stores {
		for _, e := range content.Events {
			published := 0
			if e.Published {
				published = 1
			}
			w.exec(t, service, fmt.Sprintf(`INSERT INTO events (kind, id, version, type, schema, at, correlation, causation, traceparent, published)
				VALUES ('%s', '%s', %d, '%s', 1, 0, '', '', '', %d)`, e.Kind, e.ID, e.Version, e.Type, published))
		}
	}
}

// findings are what is read from the databases, with the logs that belong to them.
func (w world) findings(t *testing.T) *Findings {
	t.Helper()
	f := sound()
	f.stores = make(map[string]Content)
	for service, s := range w.stores {
		var err error
		if f.stores[service], err = s.Content(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func kinds() map[string]func(*testing.T) world {
	return map[string]func(*testing.T) world{"SQLite": sqliteWorld, "PostgreSQL": postgresWorld}
}

func TestStore_ReadsWhatTheServicesKeep(t *testing.T) {
	for kind, make := range kinds() {
		t.Run(kind, func(t *testing.T) {
			w := make(t)
			w.keep(t)
			got := w.findings(t)
			for service, content := range sound().stores {
				slices.SortFunc(content.Events, func(a, b Event) int {
					return strings.Compare(fmt.Sprint(a.Kind, a.ID, a.Version), fmt.Sprint(b.Kind, b.ID, b.Version))
				})
				if !reflect.DeepEqual(got.stores[service], content) {
					t.Errorf("%s has %+v, want %+v", service, got.stores[service], content)
				}
			}
			if wrong := got.Check(promised(t)); len(wrong) > 0 {
				t.Error(wrong)
			}
		})
	}
}

const intentValues = `INSERT INTO intents (key, kind, stream_kind, stream_id, due, at, correlation, causation, traceparent, state, attempts, last_error, owner, leased_until)
	VALUES ('%s', '%s', 'payment', 'o', 0, 0, '', '', '', 'pending', 3, 'down', '', 0)`

// Each tampering is undone, so that the next one is found for its own sake.
func TestStore_FindsWhatWasTamperedWith(t *testing.T) {
	cases := map[string]struct{ service, tamper, undo, want string }{
		"event gone": {
			"order", `UPDATE events SET version = 9 WHERE version = 3`, `UPDATE events SET version = 3 WHERE version = 9`, "has event 9 where 3 is due",
		},
		"record unexpected": {
			"payment", `UPDATE events SET published = 0 WHERE version = 6`, `UPDATE events SET published = 1 WHERE version = 6`, "was never promised",
		},
		"record lost": {
			"order", `UPDATE events SET published = 1 WHERE version = 2`, `UPDATE events SET published = 0 WHERE version = 2`, "orders o version 2 is lost",
		},
		"row left": {
			"inventory", `INSERT INTO outbox (kind, id, version, at, topic, key, headers) VALUES ('stock', 'a', 3, 0, 'stock', 'a', '')`,
			`DELETE FROM outbox`, "inventory: 1 rows were never published",
		},
		"parked": {
			"order", `INSERT INTO parked (topic, key, partition_id, record_offset, reason, at, headers) VALUES ('payments', 'o', 0, 7, 'bad', 0, '')`,
			`DELETE FROM parked`, "order: parked payments/o: bad",
		},
		"owed": {
			"payment", fmt.Sprintf(intentValues, "capture/o", "capture"), `DELETE FROM intents`, "payment: owes capture/o (pending, 3 attempts): down",
		},
	}
	for kind, make := range kinds() {
		t.Run(kind, func(t *testing.T) {
			w := make(t)
			w.keep(t)
			for _, name := range slices.Sorted(maps.Keys(cases)) {
				c := cases[name]
				w.exec(t, c.service, c.tamper)
				wrong := w.findings(t).Check(promised(t))
				w.exec(t, c.service, c.undo)
				if !slices.ContainsFunc(wrong, func(err error) bool { return strings.Contains(err.Error(), c.want) }) {
					t.Errorf("%s: found %v, want %q", name, wrong, c.want)
				}
			}
			if wrong := w.findings(t).Check(promised(t)); len(wrong) > 0 {
				t.Errorf("after all was undone: %v", wrong)
			}
		})
	}
}

// A deadline may wait for weeks, and is no reason to wait for it.
func TestStore_PendingCountsAllButDeadlines(t *testing.T) {
	for kind, make := range kinds() {
		t.Run(kind, func(t *testing.T) {
			w := make(t)
			w.exec(t, "payment", fmt.Sprintf(intentValues, "void/o", "void"), fmt.Sprintf(intentValues, "expire/o", "expire"))
			if p, err := w.stores["payment"].Pending(t.Context()); err != nil || p != (Pending{Intents: 1}) {
				t.Errorf("pending %+v, %v", p, err)
			}
			if err := w.stores.busy(t.Context()); err == nil || !strings.Contains(err.Error(), "payment has 0 rows to publish and 1 intents") {
				t.Errorf("busy: %v", err)
			}
			w.exec(t, "payment", `DELETE FROM intents WHERE kind = 'void'`)
			if err := w.stores.busy(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStore_SaysThatItCannotBeReached(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for name, s := range map[string]Store{
		"SQLite": SQLite(filepath.Join(t.TempDir(), "absent.db")), "PostgreSQL": PostgreSQL("postgres://nobody@127.0.0.1:1/none?sslmode=disable"),
	} {
		if _, err := s.Content(ctx); err == nil {
			t.Errorf("%s: an absent database is read", name)
		}
	}
}
