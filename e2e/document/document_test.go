package document

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCommands_AreTheShellBlocksByHeading(t *testing.T) {
	text := "# Title\n\n## First\nSay:\n```sh\none\n## no heading\ntwo\n```\n```\nwhat it prints\n```\n## Second\n```yaml\nno: command\n```\n## Third\n```sh\nthree\n```\n"
	file := filepath.Join(t.TempDir(), "document.md")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Commands(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"First": "one\n## no heading\ntwo\n", "Third": "three\n"}; !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCommands_RefusesWhatWouldLeaveCommandsOut(t *testing.T) {
	for want, text := range map[string]string{
		`two blocks of commands under "One"`:    "## One\n```sh\na\n```\n```sh\nb\n```\n",
		`the last block under "One" has no end`: "## One\n```sh\na\n",
	} {
		if _, err := commands(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := Commands(filepath.Join(t.TempDir(), "absent.md")); err == nil {
		t.Error("an absent document is read")
	}
}
