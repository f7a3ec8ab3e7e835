package sqlite_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/eventstore/sqlite"
)

// A file that is something else will not become a database by waiting, and must
// not be touched: somebody may have given the wrong path.
func TestOpen_RefusesAFileThatIsNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "order.db")
	content := bytes.Repeat([]byte("these are somebody's notes\n"), 400)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the first refusal leaves no lock behind
		store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
		if !errors.Is(err, eventstore.ErrUnusable) {
			t.Fatalf("got %v, %v, want ErrUnusable", store, err)
		}
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, content) {
		t.Fatalf("the file was changed, or cannot be read: %v", err)
	}
}
