package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/cmd/murmur/replay"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

func TestDemo_ReplaysAuditsAndGoesOn(t *testing.T) {
	data := filepath.Join(t.TempDir(), "demo")
	first, errs, code := murmur(t, "demo", "--exit", "--any-ports", "--data", data)
	if code != run.ExitOK {
		t.Fatalf("exit code %d\n%s\n%s", code, first, errs)
	}
	for _, want := range []string{"127 orders settled", "returned                            1      1     -£25.50", "returns,", "audit: consistent"} {
		if !strings.Contains(first, want) {
			t.Errorf("the demo does not say %q:\n%s", want, first)
		}
	}
	if strings.Contains(first, "has data already") || strings.Contains(first, "stays up") {
		t.Errorf("a first demo that ends says otherwise:\n%s", first)
	}
	report := readReport(t, filepath.Join(data, reportName))
	again, errs, code := murmur(t, "demo", "--exit", "--any-ports", "--data", data)
	if code != run.ExitOK || !strings.Contains(again, "has data already") || !strings.Contains(again, "127 of the orders were there from an earlier run") {
		t.Fatalf("again: exit code %d\n%s\n%s", code, again, errs)
	}
	if second := readReport(t, filepath.Join(data, reportName)); string(second) != string(report) {
		t.Errorf("the second report is\n%s\nwant\n%s", second, report)
	}
}

// readReport returns the outcomes of a report.
func readReport(t *testing.T, path string) json.RawMessage {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Lines    int             `json:"lines"`
		Outcomes json.RawMessage `json:"outcomes"`
	}
	if err := json.Unmarshal(raw, &report); err != nil || report.Lines != 3108 {
		t.Fatalf("the report has %d lines: %v", report.Lines, err)
	}
	return report.Outcomes
}

func TestReplay_RefusesBeforeAnythingIsSent(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	header := strings.Join(replay.Columns, ",") + "\n"
	good := write("good.csv", header+"1,A,,1,2010-12-01 08:26:00,1,,UK\n")
	bad := write("bad.csv", header+"1,A,,one,2010-12-01 08:26:00,1,,UK\n")
	// Nothing listens here: a command that sent anything would say so.
	nowhere := []string{"--order", "http://127.0.0.1:1", "--inventory", "http://127.0.0.1:1", "--patience", "1ms"}
	for _, c := range []struct {
		name string
		args []string
		want string
		code int
	}{
		{"no file", nil, "which files?", run.ExitUsage},
		{"a missing file", []string{filepath.Join(dir, "none.csv")}, "none.csv: no such file", run.ExitUsage},
		{"one bad file of two", []string{good, bad}, `bad.csv: refused, nothing of it was sent: line 2: quantity "one"`, run.ExitUsage},
		{"the same file twice", []string{good, good}, "the same content", run.ExitUsage},
		{"wrong stock", []string{good, "--stock", "-1"}, "stock -1", run.ExitUsage},
		{"wrong output", []string{good, "--output", "xml"}, "xml", run.ExitUsage},
		{"no platform", []string{good}, "no answer within 1ms", run.ExitTempFail},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, errs, code := murmur(t, append(append([]string{"replay"}, c.args...), nowhere...)...)
			if code != c.code || !strings.Contains(errs, c.want) {
				t.Errorf("got exit code %d and %q, want %d and %q", code, errs, c.code, c.want)
			}
		})
	}
}

func TestReplay_AsksWhichPlatform(t *testing.T) {
	_, errs, code := murmur(t, "replay", "x.csv", "--data", filepath.Join(t.TempDir(), "none"))
	if code != run.ExitUsage || !strings.Contains(errs, "no platform is running here") {
		t.Errorf("got exit code %d and %q", code, errs)
	}
}
