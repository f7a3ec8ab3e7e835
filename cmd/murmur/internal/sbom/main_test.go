package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"testing"
)

// linked builds a program with modules of all sorts, and returns its path.
func linked(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "payment")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", program, "github.com/murmuration-dev/murmuration/services/payment/cmd/payment")
	build.Env = append(os.Environ(), "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return program
}

func TestWrite_ListsWhatTheProgramSaysOfItself(t *testing.T) {
	program := linked(t)
	if err := write("v1.2.3", "2026-11-23T10:00:00Z", []string{program}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(program + suffix)
	if err != nil {
		t.Fatal(err)
	}
	var b bill
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&b); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(content)
	made := b.Metadata.Component
	if made.Name != "payment" || made.Version != "v1.2.3" || made.Hashes[0].Content != hex.EncodeToString(digest[:]) || b.Metadata.Timestamp != "2026-11-23T10:00:00Z" {
		t.Errorf("got %+v", made)
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(b.Serial) {
		t.Errorf("serial number %q", b.Serial)
	}
	listed, err := exec.CommandContext(t.Context(), "go", "version", "-m", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]component{}
	for _, c := range b.Components {
		byName[c.Name] = c
	}
	modules := regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)`).FindAllSubmatch(listed, -1)
	if len(modules) < 20 || len(b.Components) != len(modules)+1 || len(b.Dependencies[0].DependsOn) != len(b.Components) {
		t.Fatalf("%d components for %d modules and the standard library, %d dependencies", len(b.Components), len(modules), len(b.Dependencies[0].DependsOn))
	}
	for _, m := range modules {
		c, want := byName[string(m[1])], string(m[2])
		if want == develop {
			want = "v1.2.3"
		} else if len(c.Hashes) != 1 || len(c.Hashes[0].Content) != 64 {
			t.Errorf("%s has no digest: %+v", m[1], c)
		}
		if c.Version != want || c.PURL != c.Ref {
			t.Errorf("%s: got %+v, want version %s", m[1], c, want)
		}
	}
	if byName["std"].PURL == "" {
		t.Error("the standard library is missing")
	}
	if err := write("v1.2.3", "2026-11-23T10:00:00Z", []string{program}); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(program + suffix); err != nil || !bytes.Equal(again, text) {
		t.Errorf("written again it differs (%v)", err)
	}
}

func TestLibrary_FollowsAReplacementAndEscapes(t *testing.T) {
	c := library(&debug.Module{Path: "example.org/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.org/new", Version: "v2.0.0+incompatible"}}, "v1")
	if c.Name != "example.org/new" || c.PURL != "pkg:golang/example.org/new@v2.0.0%2Bincompatible" {
		t.Errorf("got %+v", c)
	}
}

func TestWrite_RefusesWhatIsNoProgram(t *testing.T) {
	file := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, programs := range [][]string{nil, {file}, {file + "-that-is-not-there"}} {
		if err := write("v1", "", programs); err == nil {
			t.Errorf("%q was taken", programs)
		}
	}
}
