package app

import (
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
	"github.com/murmuration-dev/murmuration/services/order"
	"github.com/murmuration-dev/murmuration/services/order/internal/projection"
)

func TestMeasures_TellOpenOrdersAndTheOldest(t *testing.T) {
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "order.db"), Migrations: []fs.FS{projection.Migrations()}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	tx, err := store.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var unit eventstore.Unit
	for id, at := range map[string]struct {
		order.Status
		since time.Duration
	}{
		"a": {order.StatusPlaced, time.Minute}, "b": {order.StatusPlaced, time.Hour}, "c": {order.StatusPlaced, time.Second}, "d": {order.StatusCompleted, 24 * time.Hour},
	} {
		unit.Statements = append(unit.Statements, projection.Statement(order.State{OrderID: id, Status: at.Status, UpdatedAt: now.Add(-at.since).UnixMicro()}))
	}
	if err := tx.Commit(t.Context(), unit); err != nil {
		t.Fatal(err)
	}
	want := []map[string]float64{{"PLACED": 3, "CONFIRMED": 0}, {"PLACED": 3600, "CONFIRMED": 0}}
	for i, m := range measures(store, func() time.Time { return now }) {
		got, err := m.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want[i]) || got["PLACED"] != want[i]["PLACED"] || got["CONFIRMED"] != want[i]["CONFIRMED"] {
			t.Errorf("%s is %v, want %v", m.Name, got, want[i])
		}
	}
}
