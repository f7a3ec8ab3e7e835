package chart

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/cmd/murmur/cli"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

var jobs = []string{"inventory-migrate", "order-migrate", "payment-migrate", "topics"}

// components are those of objects, sorted.
func components(all []object) []string {
	var names []string
	for _, o := range all {
		names = append(names, o.labels()["app.kubernetes.io/component"])
	}
	slices.Sort(names)
	return names
}

func TestJobs_RunBeforeAnythingChangesInProduction(t *testing.T) {
	each(t, func(t *testing.T, x example, all []object) {
		for _, j := range ofKind(all, "Job") {
			hook := j.annotation("helm.sh/hook")
			if want := map[bool]string{true: "pre-install,pre-upgrade", false: ""}[x.production]; hook != want {
				t.Errorf("%s is a hook %q", j, hook)
			}
			if hook == "" {
				continue
			}
			if got := j.annotation("helm.sh/hook-delete-policy"); got != "before-hook-creation,hook-succeeded" {
				t.Errorf("%s: %s", j, got)
			}
			// A hook may use only what is there before the release.
			for _, p := range pods([]object{j}) {
				if account := text(p.spec["serviceAccountName"]); account != "" {
					t.Errorf("%s runs as %s", j, account)
				}
				for _, c := range p.containers() {
					if c["envFrom"] != nil {
						t.Errorf("%s: %v", j, c["envFrom"])
					}
				}
			}
			policy, ok := one(all, "NetworkPolicy", j.name())
			if ok && (policy.annotation("helm.sh/hook") != hook || weight(t, policy) >= weight(t, j)) {
				t.Errorf("%s is not there before its Job", policy)
			}
		}
	})
}

// weight is the place of a hook among those of its event.
func weight(t *testing.T, hook object) int {
	t.Helper()
	n, err := strconv.Atoi(hook.annotation("helm.sh/hook-weight"))
	if err != nil {
		t.Errorf("%s: %v", hook, err)
	}
	return n
}

func TestJobs_AreAllThatWasAskedFor(t *testing.T) {
	for _, x := range examples[:2] {
		if got := components(ofKind(rendered(t, x).objects, "Job")); !slices.Equal(got, jobs) {
			t.Errorf("%s: %v", x.name, got)
		}
		none := x.with(`{kafka: {topics: {declaredBy: none}}}`)
		if got := components(ofKind(rendered(t, none).objects, "Job")); !slices.Equal(got, jobs[:3]) {
			t.Errorf("%s with topics of another: %v", x.name, got)
		}
		for name, want := range map[string]string{`{jobs: {enabled: false}}`: "", `{jobs: {enabled: true}}`: "never"} {
			all := rendered(t, x.with(name)).objects
			for _, d := range serving(t, all) {
				if got := environment(all, pods([]object{d})[0].containers()[0])["MIGRATE"]; got != want {
					t.Errorf("%s: %s migrates at start: %q, want %q", x.name, d, got, want)
				}
			}
		}
	}
}

// A Job cannot be changed: in development another image has other Jobs, and what is
// the same runs once.
func TestJobs_OfDevelopmentAreNamedByWhatTheyDo(t *testing.T) {
	names := func(x example) []string {
		var out []string
		for _, j := range ofKind(rendered(t, x).objects, "Job") {
			out = append(out, j.name())
		}
		return out
	}
	x := examples[0]
	before := names(x)
	if same := names(x.with(`{services: {replicas: 3}}`)); !slices.Equal(before, same) {
		t.Errorf("%v became %v for nothing", before, same)
	}
	for _, after := range names(x.with(`{image: {tag: other}}`)) {
		if slices.Contains(before, after) {
			t.Errorf("%s is not run by another image", after)
		}
	}
}

func TestJobs_DoNotRepeatWhatNoRetryMends(t *testing.T) {
	for _, j := range ofKind(rendered(t, examples[1]).objects, "Job") {
		for _, rule := range list(at(j, "spec", "podFailurePolicy", "rules")) {
			if rule["action"] == "FailJob" && text(at(rule, "onExitCodes", "values")) != text([]any{run.ExitUsage, run.ExitConfig}) {
				t.Errorf("%s: %v", j, rule)
			}
		}
		if got := at(j, "spec", "template", "spec", "restartPolicy"); got != "Never" {
			t.Errorf("%s: %v leaves no log of what failed", j, got)
		}
	}
}

// The command line of today takes what the chart says: its flags are read before
// --help is.
func TestCommands_AreThoseOfTheProgram(t *testing.T) {
	each(t, func(t *testing.T, _ example, all []object) {
		for _, p := range pods(all) {
			for _, c := range p.containers() {
				var args []string
				given, _ := c["args"].([]any)
				for _, a := range given {
					args = append(args, text(a))
				}
				if !strings.Contains(text(c["image"]), "murmur:") {
					if len(args) > 0 && !slices.Equal(args, []string{"migrate"}) {
						t.Errorf("%s: arguments %v", p, args)
					}
					continue
				}
				var out, errs bytes.Buffer
				if err := cli.Execute(t.Context(), append(args, "--help"), &out, &errs); err != nil || len(args) == 0 {
					t.Errorf("%s: murmur %s: %v", p, strings.Join(args, " "), err)
				}
			}
		}
	})
}

func TestTests_PlaceAnOrderInDevelopmentAndAuditEverywhere(t *testing.T) {
	for i, x := range examples[:2] {
		var commands []string
		for _, p := range ofKind(rendered(t, x).objects, "Pod") {
			args, _ := list(at(p, "spec", "containers"))[0]["args"].([]any)
			commands = append(commands, p.annotation("helm.sh/hook-weight")+" "+text(args[0]))
		}
		if want := [][]string{{"0 try", "1 audit"}, {"1 audit"}}[i]; !slices.Equal(commands, want) {
			t.Errorf("%s: %v, want %v", x.name, commands, want)
		}
	}
}
