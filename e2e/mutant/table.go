package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

type tool string

const (
	unitTests    tool = "unit tests"
	modelChecker tool = "model checker"
	simulation   tool = "simulation"
	containers   tool = "containers"
	postgreSQL   tool = "PostgreSQL"
)

// row is one tool and one defect.
type row struct {
	defect string
	tool   tool
	found  bool
	took   time.Duration
	// how is the evidence, in a line.
	how string
}

type table struct{ rows []row }

func (t *table) add(r row) {
	t.rows = append(t.rows, r)
	fmt.Println(r.line()) // as it comes: a whole run takes minutes
}

func (r row) line() string {
	verdict := "not found by"
	if r.found {
		verdict = "found by"
	}
	return fmt.Sprintf("%-84s %-12s %-13s %7s  %s", clip(r.defect, 84), verdict, r.tool, r.took.Round(10*time.Millisecond), clip(r.how, 300))
}

func clip(s string, most int) string {
	if letters := []rune(s); len(letters) > most {
		return string(letters[:most-1]) + "…"
	}
	return s
}

// String is one line for each defect and tool, and a sum.
func (t *table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%d defects, by who found them:\n", len(t.defects()))
	for _, r := range t.rows {
		fmt.Fprintln(&b, r.line())
	}
	for _, by := range []tool{modelChecker, containers, postgreSQL, simulation, unitTests} {
		found, tried := 0, 0
		for _, r := range t.rows {
			if r.tool == by {
				tried++
				if r.found {
					found++
				}
			}
		}
		if tried > 0 {
			fmt.Fprintf(&b, "%s: %d of %d\n", by, found, tried)
		}
	}
	return b.String()
}

func (t *table) defects() []string {
	var names []string
	for _, r := range t.rows {
		if !slices.Contains(names, r.defect) {
			names = append(names, r.defect)
		}
	}
	return names
}

// unproved is an error if a test on Kafka or PostgreSQL did not find what it ought to.
func (t *table) unproved() error {
	var names []string
	for _, r := range t.rows {
		if (r.tool == containers || r.tool == postgreSQL) && !r.found {
			names = append(names, fmt.Sprintf("%s: %s", r.defect, r.how))
		}
	}
	if len(names) > 0 {
		return fmt.Errorf("not found by a test that ought to: %s", strings.Join(names, "; "))
	}
	return nil
}

// missed is an error if a defect was found by nobody.
func (t *table) missed() error {
	var names []string
	for _, name := range t.defects() {
		if !slices.ContainsFunc(t.rows, func(r row) bool { return r.defect == name && r.found }) {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		return fmt.Errorf("found by no tool: %s", strings.Join(names, "; "))
	}
	return nil
}
