package main

import (
	"testing"
)

// Whoever changes what a defect is planted into changes the defect with it.
func TestSources_FitWhatTheyArePlantedInto(t *testing.T) {
	t.Chdir("../..") // where the command runs
	names := make(map[string]bool)
	for _, d := range sources() {
		if _, err := d.plant(t.TempDir()); err != nil {
			t.Error(err)
		}
		if names[d.name] {
			t.Errorf("two defects are named %q", d.name)
		}
		names[d.name] = true
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
	all.rows = append(all.rows, row{defect: "b", tool: simulation})
	if err := all.missed(); err == nil || err.Error() != "found by no tool: b" {
		t.Errorf("got %v", err)
	}
}
