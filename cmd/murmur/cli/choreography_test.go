package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/run"
)

func TestChoreography_WritesEachFormat(t *testing.T) {
	for format, words := range map[string]string{
		"text":     "reservations REJECTED",
		"mermaid":  "stateDiagram-v2",
		"asyncapi": "asyncapi: \"3.0.0\"",
	} {
		var out, complaints bytes.Buffer
		file := filepath.Join(t.TempDir(), "drawn")
		if err := Execute(t.Context(), []string{"choreography", "--format", format, "--out", file}, &out, &complaints); err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), words) || out.Len() > 0 {
			t.Errorf("%s: %v, no %q in the file, or %q on the standard output", format, err, words, out.String())
		}
	}
}

func TestChoreography_RefusesOtherFormats(t *testing.T) {
	var out, complaints bytes.Buffer
	err := Execute(t.Context(), []string{"choreography", "--format", "png"}, &out, &complaints)
	if run.ExitCode(err) != run.ExitUsage || !strings.Contains(complaints.String(), "text, mermaid or asyncapi") {
		t.Errorf("%v: %s", err, complaints.String())
	}
}
