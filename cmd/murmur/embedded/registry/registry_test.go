package registry

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/avro"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	v1 = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`
	// Compatible with v1 in both directions.
	v2 = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"int","default":0}]}`
	// Cannot read v1.
	broken = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"int"}]}`
	other  = `{"type":"record","name":"Other","fields":[]}`
)

func open(t *testing.T, dir string) *Registry {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// client returns the client that services use, talking to r.
func client(t *testing.T, r *Registry) *avro.Registry {
	t.Helper()
	server := httptest.NewServer(r.Handler())
	t.Cleanup(server.Close)
	c, err := avro.NewRegistry(avro.RegistryConfig{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func register(t *testing.T, c *avro.Registry, subject, schema string) int {
	t.Helper()
	id, err := c.Register(t.Context(), subject, schema)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestRegistry_SameSchemaSameId(t *testing.T) {
	r := open(t, "")
	c := client(t, r)
	first := register(t, c, "a-value", v1)
	second := register(t, c, "a-value", v2)
	if first == second {
		t.Errorf("two schemas with id %d", first)
	}
	spaced := strings.ReplaceAll(`{"name":"R","fields":[{"type":"int","name":"a"}],"type":"record"}`, ",", ", ")
	for name, id := range map[string]int{
		"again":              register(t, c, "a-value", v1),
		"in another subject": register(t, c, "b-value", v1),
		"spelt otherwise":    register(t, c, "a-value", spaced),
	} {
		if id != first {
			t.Errorf("%s: got id %d, want %d", name, id, first)
		}
	}
	if got := r.current.Load().Subjects["a-value"].Versions; len(got) != 2 {
		t.Errorf("subject has versions %v", got)
	}
	documented := strings.Replace(v1, `"name":"R"`, `"name":"R","doc":"text"`, 1)
	if id := register(t, c, "a-value", documented); id == first {
		t.Error("another text was taken for the same schema, and its documentation lost")
	}
}

func TestRegistry_RefusesWhatTheLevelForbids(t *testing.T) {
	c := client(t, open(t, ""))
	register(t, c, "a-value", v1)
	if err := c.Check(t.Context(), "a-value", broken); !errors.Is(err, avro.ErrIncompatible) || !strings.Contains(err.Error(), "b") {
		t.Errorf("check at the default level: got %v", err)
	}
	_, err := c.Register(t.Context(), "a-value", broken)
	if !errors.Is(err, avro.ErrIncompatible) || !strings.Contains(err.Error(), "no default") {
		t.Errorf("register at the default level: got %v", err)
	}
	if err := c.EnsureCompatibility(t.Context(), "a-value", avro.LevelForward); err != nil {
		t.Fatal(err)
	}
	if err := c.Check(t.Context(), "a-value", broken); err != nil {
		t.Errorf("check at FORWARD: got %v", err)
	}
	register(t, c, "a-value", broken)
	if err := c.EnsureCompatibility(t.Context(), "a-value", avro.LevelFullTransitive); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Register(t.Context(), "a-value", v2); err != nil {
		t.Errorf("register at FULL_TRANSITIVE what fits: got %v", err)
	}
	if _, err := c.Register(t.Context(), "a-value", other); !errors.Is(err, avro.ErrIncompatible) {
		t.Errorf("register at FULL_TRANSITIVE what does not: got %v", err)
	}
	if err := c.Check(t.Context(), "new-value", other); err != nil {
		t.Errorf("check of a new subject: got %v", err)
	}
	for _, text := range []string{`{`, `{"type":"money"}`, v1 + v1, "null" + v1} {
		if _, err := c.Register(t.Context(), "b-value", text); !errors.Is(err, avro.ErrInvalidSchema) {
			t.Errorf("register %q: got %v", text, err)
		}
		if err := c.Check(t.Context(), "a-value", text); !errors.Is(err, avro.ErrInvalidSchema) {
			t.Errorf("check %q: got %v", text, err)
		}
	}
}

func TestRegistry_KeepsEverythingOverARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "registry")
	r := open(t, dir)
	c := client(t, r)
	ids := map[int]string{
		register(t, c, "a-value", v1):    v1,
		register(t, c, "b-value", other): other,
		register(t, c, "a-value", v2):    v2,
		register(t, c, "b2-value", v2):   v2,
	}
	if len(ids) != 3 {
		t.Fatalf("got ids %v", ids)
	}
	if err := c.EnsureCompatibility(t.Context(), "a-value", avro.LevelFullTransitive); err != nil {
		t.Fatal(err)
	}
	before := *r.current.Load()
	// No Close: a killed process does not call it.
	r = open(t, dir)
	c = client(t, r)
	for id, text := range ids {
		if got, err := c.SchemaByID(t.Context(), id); err != nil || got != text {
			t.Errorf("schema %d: got %q, %v", id, got, err)
		}
	}
	after := *r.current.Load()
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("got %v\nwant %v", after, before)
	}
	if _, err := c.Register(t.Context(), "a-value", broken); !errors.Is(err, avro.ErrIncompatible) {
		t.Errorf("the level was lost: got %v", err)
	}
	if id := register(t, c, "c-value", strings.Replace(v1, "R", "S", 1)); id != len(ids)+1 {
		t.Errorf("a new schema has id %d", id)
	}
}

// TestRegistry_SurvivesATornWrite: a crash while the file is written leaves a
// draft of any length beside the last whole file.
func TestRegistry_SurvivesATornWrite(t *testing.T) {
	dir := t.TempDir()
	id := register(t, client(t, open(t, dir)), "a-value", v1)
	whole, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	for _, length := range []int{0, 1, len(whole) / 2, len(whole) - 1} {
		draft := filepath.Join(dir, fileName+".tmp")
		if err := os.WriteFile(draft, whole[:length], 0o600); err != nil {
			t.Fatal(err)
		}
		c := client(t, open(t, dir))
		if text, err := c.SchemaByID(t.Context(), id); err != nil || text != v1 {
			t.Errorf("draft of %d bytes: got %q, %v", length, text, err)
		}
		if again := register(t, c, "a-value", v1); again != id {
			t.Errorf("draft of %d bytes: got id %d, want %d", length, again, id)
		}
	}
	if next := register(t, client(t, open(t, dir)), "a-value", v2); next != id+1 {
		t.Errorf("after all that: got id %d", next)
	}
}

func TestOpen_RefusesADamagedFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, fileName)
	register(t, client(t, open(t, dir)), "a-value", v1)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(whole)
	for name, content := range map[string]string{
		"empty":                 "",
		"cut off":               text[:len(text)/2],
		"of a later format":     strings.Replace(text, `"format": 1`, `"format": 2`, 1),
		"an unknown level":      strings.Replace(text, "BACKWARD", "SOME", 1),
		"a schema that is none": strings.Replace(text, `\"int\"`, `\"money\"`, 1),
		"an id without schema":  strings.Replace(text, "        1\n", "        2\n", 1),
		"no subjects":           `{"format":1,"level":"NONE","schemas":[],"subjects":null}`,
		"a schema twice":        `{"format":1,"level":"NONE","schemas":["\"int\"","\"int\""],"subjects":{}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if content == text {
				t.Fatal("nothing was damaged")
			}
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "is damaged") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestRegistry_AnswersNothingThatIsNotOnTheDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "registry")
	r := open(t, dir)
	c := client(t, r)
	register(t, c, "a-value", v1)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Register(t.Context(), "a-value", v2); !errors.Is(err, avro.ErrUnavailable) {
		t.Errorf("without a disk: got %v", err)
	}
	if n := len(r.current.Load().Schemas); n != 1 {
		t.Errorf("knows %d schemas, of which one was never answered", n)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if id := register(t, c, "a-value", v2); id != 2 {
		t.Errorf("with the disk back: got id %d", id)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Register(t.Context(), "a-value", other); !errors.Is(err, avro.ErrUnavailable) {
		t.Errorf("after Close: got %v", err)
	}
	if id := register(t, c, "a-value", v1); id != 1 {
		t.Errorf("a question after Close: got id %d", id)
	}
}

func TestOpen_NeedsAFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file); err == nil {
		t.Error("opened a file as a folder")
	}
}

func TestRegistry_IsBounded(t *testing.T) {
	s := newState()
	for i := range maxSchemas {
		if _, err := s.add("a-value", fmt.Sprint(i), v1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.add("a-value", "more", v1); err == nil {
		t.Error("took one schema more")
	}
	for i := range maxSchemas - 1 {
		if err := s.setLevel(fmt.Sprint(i), avro.LevelFull); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.setLevel("more", avro.LevelFull); err == nil {
		t.Error("took one subject more")
	}
}

func TestRegistry_Concurrently(t *testing.T) {
	dir := t.TempDir()
	c := client(t, open(t, dir))
	var mu sync.Mutex
	ids := map[string]int{}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			text := fmt.Sprintf(`{"type":"record","name":"R%d","fields":[]}`, i%4)
			id, err := c.Register(t.Context(), fmt.Sprintf("s%d-value", i%8), text)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if known, ok := ids[text]; ok && known != id {
				t.Errorf("%s has ids %d and %d", text, known, id)
			}
			ids[text] = id
		})
	}
	wg.Wait()
	if len(open(t, dir).current.Load().Schemas) != 4 {
		t.Error("the file has not the four schemas")
	}
}
