package sqlite_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/eventstoretest"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
)

func reopen(t *testing.T, path string, service ...fs.FS) (*sqlite.Store, error) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path, Migrations: service})
	if err == nil {
		t.Cleanup(func() { check(t, s.Close()) })
	}
	return s, err
}

func TestOpen_RefusesADatabaseInUseAtOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	s, err := reopen(t, path)
	check(t, err)
	check(t, os.Symlink(path, filepath.Join(dir, "link.db")))
	for _, name := range []string{"a.db", "link.db", "../" + filepath.Base(dir) + "/a.db"} {
		_, err := reopen(t, dir+"/"+name)
		if !errors.Is(err, eventstore.ErrInUse) || !strings.Contains(err.Error(), "a.db.lock") {
			t.Errorf("opening %s: got %v, want that it is in use, and by which file", name, err)
		}
	}
	check(t, s.Close())
	_, err = reopen(t, path)
	check(t, err)
}

// A process that was killed cannot give back what it held, and nobody else can have
// held it.
func TestOpen_TakesLeasesFromTheDead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s, err := reopen(t, path)
	check(t, err)
	ctx := t.Context()
	held, err := s.SwapLease(ctx, "relay", eventstore.LeaseState{}, "dead")
	check(t, err)
	tx, err := s.Begin(ctx)
	check(t, err)
	check(t, tx.Commit(ctx, eventstore.Unit{Intents: []eventstore.Intent{{Key: "charge", Kind: "charge", Stream: eventstore.StreamID{Kind: "k", ID: "1"}, Due: 1}}}))
	claimed, err := s.ClaimIntents(ctx, "dead", []string{"charge"}, 2, time.Hour, 10)
	check(t, err)
	if len(claimed) != 1 {
		t.Fatalf("claimed %v", claimed)
	}
	check(t, s.Close())

	s, err = reopen(t, path)
	check(t, err)
	if state, err := s.Lease(ctx, "relay"); err != nil || state.Owner != "" || state.Counter <= held.Counter {
		t.Errorf("lease is %+v, %v; want it free and beyond counter %d", state, err, held.Counter)
	}
	claimed, err = s.ClaimIntents(ctx, "alive", []string{"charge"}, 3, time.Hour, 10)
	if err != nil || len(claimed) != 1 || claimed[0].Attempts != 2 {
		t.Errorf("claimed %+v, %v; want the intent at its second attempt", claimed, err)
	}
}

func TestOpen_RefusesANewerSchema(t *testing.T) {
	migration := func(table string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE " + table + " (id TEXT);\n")}
	}
	older := fstest.MapFS{"00001_a.sql": migration("a")}
	newer := fstest.MapFS{"00001_a.sql": migration("a"), "00002_b.sql": migration("b")}
	path := filepath.Join(t.TempDir(), "a.db")
	for _, service := range []fs.FS{older, newer, newer} {
		s, err := reopen(t, path, eventstoretest.Migrations(), service)
		check(t, err)
		check(t, s.Close())
	}
	_, err := reopen(t, path, eventstoretest.Migrations(), older)
	if !errors.Is(err, eventstore.ErrSchemaMismatch) || !strings.Contains(err.Error(), "version 2, this program knows 1") {
		t.Errorf("got %v, want that the schema is at 2 and the program knows 1", err)
	}
	_, err = sqlite.OpenReadOnly(t.Context(), path, eventstoretest.Migrations(), older)
	if !errors.Is(err, eventstore.ErrSchemaMismatch) {
		t.Errorf("for reading: got %v, want a schema mismatch", err)
	}
}

func TestOpen_LeavesTheSchemaWhenAMigrationFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	bad := fstest.MapFS{"00001_bad.sql": &fstest.MapFile{
		Data: []byte("-- +goose Up\nCREATE TABLE good (id TEXT);\nCREATE TABLE good (id TEXT);\n"),
	}}
	if _, err := reopen(t, path, bad); !errors.Is(err, eventstore.ErrSchemaMismatch) {
		t.Fatalf("got %v, want a schema mismatch", err)
	}
	good := fstest.MapFS{"00001_good.sql": &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE good (id TEXT);\n")}}
	_, err := reopen(t, path, good)
	check(t, err)
}

func TestOpen_TakesAnyFileName(t *testing.T) {
	for _, name := range []string{"with space.db", "100%.db", "a?b#c.db", "ünï.db", "a&mode=ro.db"} {
		path := filepath.Join(t.TempDir(), name)
		s, err := reopen(t, path)
		check(t, err)
		commitChanges(t, s, []eventstore.StreamID{orderID("1")})
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	for _, path := range []string{"", filepath.Join(t.TempDir(), "missing", "a.db")} {
		if _, err := reopen(t, path); err == nil {
			t.Errorf("opened %q", path)
		}
	}
}

func TestOpen_UsesADurableLog(t *testing.T) {
	s := openStore(t)
	for pragma, want := range map[string]int64{"synchronous": 2, "wal_autocheckpoint": 0, "busy_timeout": 5000} {
		got, err := sqlite.ExecOnWriter(s, "PRAGMA "+pragma)
		check(t, err)
		if got != want {
			t.Errorf("%s is %d, want %d", pragma, got, want)
		}
	}
	if _, err := os.Stat(sqlite.Path(s) + "-wal"); err != nil {
		t.Error(err)
	}
}

func TestClose_FoldsTheLogIntoTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s, err := reopen(t, path)
	check(t, err)
	commitChanges(t, s, []eventstore.StreamID{orderID("1")})
	if v := version(t, s, "1"); v != 1 {
		t.Fatalf("version is %d", v)
	}
	check(t, s.Close())
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the log is still there: %v", err)
	}
}

func TestOpenReadOnly_LooksBesideAServiceAndWithoutOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	if _, err := sqlite.OpenReadOnly(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a file that is not there: %v", err)
	}
	service, err := reopen(t, path)
	check(t, err)
	look := func(want int64) {
		t.Helper()
		s, err := sqlite.OpenReadOnly(t.Context(), path)
		check(t, err)
		if v := version(t, s, "1"); v != want {
			t.Errorf("version is %d, want %d", v, want)
		}
		check(t, s.Ready(t.Context()))
		check(t, s.Close())
	}
	look(0)
	commitChanges(t, service, []eventstore.StreamID{orderID("1")})
	look(1)
	check(t, service.Close())
	look(1)
	service, err = reopen(t, path)
	check(t, err)
	commitChanges(t, service, []eventstore.StreamID{orderID("2")})
}

func TestOpenReadOnly_RefusesToWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	service, err := reopen(t, path)
	check(t, err)
	check(t, service.Close())
	s, err := sqlite.OpenReadOnly(t.Context(), path)
	check(t, err)
	defer func() { check(t, s.Close()) }()
	ctx := t.Context()
	for name, write := range map[string]func() error{
		"Begin":         func() error { _, err := s.Begin(ctx); return err },
		"Published":     func() error { return s.Published(ctx, "r", nil, eventstore.RelayState{Batch: 1}) },
		"ExpireAnswers": func() error { _, err := s.ExpireAnswers(ctx, 1, 1); return err },
		"ClaimIntents":  func() error { _, err := s.ClaimIntents(ctx, "me", []string{"k"}, 1, 1, 1); return err },
		"RetryIntent":   func() error { return s.RetryIntent(ctx, "me", "k", 1, "") },
		"ParkIntent":    func() error { return s.ParkIntent(ctx, "me", "k", "") },
		"ReviveIntent":  func() error { _, err := s.ReviveIntent(ctx, "k", 1); return err },
		"SwapLease":     func() error { _, err := s.SwapLease(ctx, "l", eventstore.LeaseState{}, "me"); return err },
	} {
		if err := write(); !errors.Is(err, sqlite.ErrReadOnly) {
			t.Errorf("%s: got %v, want that the database is open for reading", name, err)
		}
	}
	if err := s.Query(ctx, `DELETE FROM meta RETURNING name`, nil, func(eventstore.Row) error { return nil }); err == nil {
		t.Error("a query could delete")
	}
}

func TestPublished_RefusesAnotherDatabasesState(t *testing.T) {
	s := openStore(t)
	err := s.Published(t.Context(), "relay", nil, eventstore.RelayState{StoreEpoch: "of a backup", Batch: 1})
	if !errors.Is(err, eventstore.ErrConflict) {
		t.Fatalf("got %v, want a conflict", err)
	}
}

func TestOpen_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "a.db")
	if _, err := sqlite.Open(ctx, sqlite.Config{Path: path}); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want that the context was canceled", err)
	}
	_, err := reopen(t, path) // the lock was given back
	check(t, err)
}
