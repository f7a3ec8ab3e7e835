package main

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// stackPatience bounds one run of tests on containers. Above it nobody removes them,
// so it is more than all tests of a run together may take by themselves.
const stackPatience = 15 * time.Minute

// proof are tests of one package that must find a defect.
type proof struct {
	tool  tool
	pkg   string
	tests []claim
}

// claim is a test, or TestX/y for one of its parts, and what it says of the defect.
type claim struct{ test, says string }

// tryOnStack plants each chosen defect and lets the tests named for it look for it;
// with also, the simulation and the unit tests, too.
func tryOnStack(ctx context.Context, dir string, chosen *regexp.Regexp, also bool, t *table) error {
	var all []source
	for _, d := range realSources() {
		if chosen.MatchString(d.name) {
			all = append(all, d)
		}
	}
	if err := control(ctx, all); err != nil {
		return err
	}
	for _, d := range all {
		overlay, err := d.plant(dir)
		if err != nil {
			return err
		}
		for _, p := range d.proofs {
			if err := p.run(ctx, d.name, overlay, t); err != nil {
				return fmt.Errorf("%s: %w", d.name, err)
			}
		}
		if !also {
			continue
		}
		if err := d.try(ctx, dir, t); err != nil {
			return err
		}
	}
	return nil
}

// control runs everything without a defect: it must pass.
func control(ctx context.Context, all []source) error {
	byPackage := map[string][]claim{}
	for _, d := range all {
		for _, p := range d.proofs {
			for _, c := range p.tests {
				if !slices.Contains(byPackage[p.pkg], c) {
					byPackage[p.pkg] = append(byPackage[p.pkg], c)
				}
			}
		}
	}
	for pkg, claims := range byPackage {
		r, err := runJSON(ctx, pkg, pattern(claims))
		if err != nil {
			return err
		}
		for _, c := range claims {
			if got := r.outcome(c.test); got != "pass" {
				return fmt.Errorf("%s, without a defect: %s: %s\n%s", pkg, c.test, cmp.Or(got, "not run"), r.text())
			}
		}
		fmt.Printf("without a defect all pass: %s %s\n", pkg, pattern(claims))
	}
	return nil
}

// run adds a row for each claim.
func (p proof) run(ctx context.Context, defect, overlay string, t *table) error {
	r, err := runJSON(ctx, p.pkg, pattern(p.tests), "-overlay", overlay)
	if err != nil {
		return err
	}
	for _, c := range p.tests {
		said, found, err := r.judge(c)
		if err != nil {
			return err
		}
		t.add(row{defect: defect, tool: p.tool, found: found, took: r.took(c.test), how: c.test + ": " + said})
	}
	return nil
}

// judge tells whether a test failed, and with which line. It is an error if it was
// not run, or failed without saying what it ought to.
func (r report) judge(c claim) (said string, found bool, err error) {
	switch r.outcome(c.test) {
	case "pass":
		return "passed", false, nil
	case "fail":
	default:
		return "", false, fmt.Errorf("%s was not run:\n%s", c.test, r.text())
	}
	says, err := regexp.Compile(c.says)
	if err != nil {
		return "", false, err
	}
	for _, line := range r.lines(c.test) {
		if at.MatchString(line) && says.MatchString(line) {
			return strings.TrimSpace(line), true, nil
		}
	}
	return "", false, fmt.Errorf("%s failed, but did not say %q:\n%s", c.test, c.says, strings.Join(r.lines(c.test), ""))
}

// at begins the lines of a test.
var at = regexp.MustCompile(`^\s*\S+\.go:\d+: `)

// pattern is that of -run which takes all of these tests.
func pattern(claims []claim) string {
	var tops, parts []string
	for _, c := range claims {
		top, part, divided := strings.Cut(c.test, "/")
		tops = append(tops, top)
		if divided {
			parts = append(parts, part)
		}
	}
	slices.Sort(tops)
	p := "^(" + strings.Join(slices.Compact(tops), "|") + ")$"
	if len(parts) > 0 { // which chooses among the parts of those that have any
		p += "/^(" + strings.Join(parts, "|") + ")$"
	}
	return p
}
