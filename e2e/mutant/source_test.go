package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Whoever changes what a defect is planted into changes the defect with it.
func TestSources_FitWhatTheyArePlantedInto(t *testing.T) {
	t.Chdir("../..") // where the command runs
	names := make(map[string]bool)
	for _, d := range append(sources(), realSources()...) {
		if _, err := d.plant(t.TempDir()); err != nil {
			t.Error(err)
		}
		if names[d.name] {
			t.Errorf("two defects are named %q", d.name)
		}
		names[d.name] = true
	}
}

// A test that was renamed would be run by nobody.
func TestClaims_NameTestsThatAreThere(t *testing.T) {
	t.Chdir("../..")
	for _, d := range realSources() {
		if len(d.proofs) == 0 {
			t.Errorf("%s: no test is named", d.name)
		}
		for _, p := range d.proofs {
			for _, c := range p.tests {
				top, part, _ := strings.Cut(c.test, "/")
				if !defined(t, p.pkg, "func "+top+"(") || part != "" && !defined(t, "pkg/eventstore/eventstoretest", `"`+part+`"`) {
					t.Errorf("%s: %s is not in %s", d.name, c.test, p.pkg)
				}
				if _, err := regexp.Compile(c.says); err != nil || c.says == "" {
					t.Errorf("%s: %s says %q: %v", d.name, c.test, c.says, err)
				}
			}
		}
	}
}

func defined(t *testing.T, pkg, text string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(pkg, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(content), text)
	})
}

func TestReport_TellsWhatFailedFromWhatDidNotRun(t *testing.T) {
	const ran = `{"Action":"run","Test":"TestA"}
{"Action":"output","Test":"TestA","Output":"    a_test.go:3: on the way\n"}
{"Action":"output","Test":"TestA/b","Output":"        a_test.go:9: 1 is lost\n"}
{"Action":"fail","Test":"TestA/b","Elapsed":0.1}
{"Action":"fail","Test":"TestA","Elapsed":1.5}
{"Action":"pass","Test":"TestC","Elapsed":0.5}
{"Action":"skip","Test":"TestD"}
`
	r, err := parseReport(strings.NewReader(ran))
	if err != nil {
		t.Fatal(err)
	}
	for c, want := range map[claim]string{
		{"TestA", "lost"}:  "a_test.go:9: 1 is lost true <nil>",
		{"TestC", "lost"}:  "passed false <nil>",
		{"TestA", "twice"}: `TestA failed, but did not say "twice"`,
		{"TestD", "lost"}:  "TestD was not run",
		{"TestE", "lost"}:  "TestE was not run",
	} {
		said, found, err := r.judge(c)
		if got := strings.TrimSpace(fmt.Sprintln(said, found, err)); !strings.Contains(got, want) {
			t.Errorf("%v: got %q, want %q", c, got, want)
		}
	}
	for name, said := range map[string]string{
		"does not compile": `{"Action":"build-output","Output":"x.go:1: no"}` + "\n" + `{"Action":"build-fail"}`,
		"came to its end":  `{"Action":"output","Output":"start kafka: no"}` + "\n" + `{"Action":"fail","Elapsed":3}`,
	} {
		if _, err := parseReport(strings.NewReader(said)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want an error with %q", err, name)
		}
	}
}

func TestPattern_TakesEveryTestAndNoOther(t *testing.T) {
	for want, claims := range map[string][]claim{
		"^(TestA|TestB)$":                 {{test: "TestB"}, {test: "TestA"}, {test: "TestB"}},
		"^(TestA|TestStore)$/^(One|Two)$": {{test: "TestStore/One"}, {test: "TestA"}, {test: "TestStore/Two"}},
	} {
		if got := pattern(claims); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestEvidence_IsWhatDidNotHoldOrTheInnermostTest(t *testing.T) {
	for out, want := range map[string]string{
		"--- FAIL: TestA (0.1s)\n    --- FAIL: TestA/b (0.1s)\n        x.go:1: no\nFAIL\n": "TestA/b",
		"--- FAIL: TestA (0.1s)\n    did not hold: the sum: 1, not 2\nFAIL\n":              "did not hold: the sum: 1, not 2",
		"ok\n": "",
	} {
		if got := evidence(out); got != want {
			t.Errorf("got %q of %q, want %q", got, out, want)
		}
	}
}

func TestTable_TellsWhatNobodyFound(t *testing.T) {
	var all table
	all.rows = []row{{defect: "a", tool: simulation}, {defect: "a", tool: unitTests, found: true}}
	if err := all.missed(); err != nil {
		t.Errorf("got %v, though a tool found it", err)
	}
	if err := all.unproved(); err != nil {
		t.Errorf("got %v of what no container was asked about", err)
	}
	all.rows = append(all.rows, row{defect: "b", tool: simulation})
	if err := all.missed(); err == nil || err.Error() != "found by no tool: b" {
		t.Errorf("got %v", err)
	}
}

func TestTable_TellsWhichClaimDidNotHold(t *testing.T) {
	var all table
	all.rows = []row{
		{defect: "a", tool: containers, found: true},
		{defect: "a", tool: postgreSQL, how: "TestA: passed"},
		{defect: "a", tool: unitTests},
	}
	if err := all.unproved(); err == nil || err.Error() != "not found by a test that ought to: a: TestA: passed" {
		t.Errorf("got %v", err)
	}
}
