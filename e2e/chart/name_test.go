package chart

import (
	"regexp"
	"testing"
)

// dnsLabel is what most names have to be; StatefulSets' controllers append a digest
// of 11 to theirs.
var dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

const (
	longestName        = 63
	longestStatefulSet = longestName - 11
)

func TestNames_FitAndAreUnique(t *testing.T) {
	each(t, func(t *testing.T, _ example, all []object) {
		seen := map[string]bool{}
		for _, o := range all {
			most := longestName
			if o.kind() == "StatefulSet" {
				most = longestStatefulSet
			}
			if !dnsLabel.MatchString(o.name()) || len(o.name()) > most {
				t.Errorf("%s: %d characters", o, len(o.name()))
			}
			if seen[o.String()] {
				t.Errorf("%s is there twice", o)
			}
			seen[o.String()] = true
		}
	})
}

func TestNames_OfTwoLongReleasesDiffer(t *testing.T) {
	other := long[:len(long)-1] + "x"
	for _, x := range examples[:2] {
		mine, theirs := x, x
		mine.release, theirs.release = long, other
		for _, o := range rendered(t, mine).objects {
			if _, ok := one(rendered(t, theirs).objects, o.kind(), o.name()); ok {
				t.Errorf("%s: two releases have a %s", x.name, o)
			}
		}
	}
}

func TestNames_OfAnOrdinaryReleaseAreWhatPeopleType(t *testing.T) {
	x := examples[0]
	x.release = "murmuration"
	for _, name := range []string{"murmuration-order", "murmuration-order-ops", "murmuration-inventory", "murmuration-kafka", "murmuration-order-db"} {
		if _, ok := one(rendered(t, x).objects, "Service", name); !ok {
			t.Errorf("no Service %s", name)
		}
	}
}

// labelValue is what Kubernetes takes as one.
var labelValue = regexp.MustCompile(`^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$`)

func TestLabels_AreTheRecommendedOnes(t *testing.T) {
	each(t, func(t *testing.T, x example, all []object) {
		for _, o := range all {
			labels := o.labels()
			for _, name := range []string{"name", "instance", "component", "version", "part-of", "managed-by"} {
				if labels["app.kubernetes.io/"+name] == "" {
					t.Errorf("%s has no label %s", o, name)
				}
			}
			if got := labels["app.kubernetes.io/instance"]; got != x.releaseName() {
				t.Errorf("%s is of release %s", o, got)
			}
			for name, value := range labels {
				if len(value) > longestName || !labelValue.MatchString(value) {
					t.Errorf("%s: label %s is %q", o, name, value)
				}
			}
		}
	})
}

func TestLabels_ComeFromTheValues(t *testing.T) {
	x := called(t, "another name")
	all := rendered(t, x).objects
	for _, o := range all {
		if o.labels()["team"] != "starlings" || o.labels()["app.kubernetes.io/name"] != "birds" {
			t.Errorf("%s: labels %v", o, o.labels())
		}
	}
	for _, p := range pods(all) {
		if p.labels["team"] != "starlings" || text(at(list(p.spec["imagePullSecrets"])[0], "name")) != "pull" {
			t.Errorf("%s: labels %v, pulls with %v", p, p.labels, p.spec["imagePullSecrets"])
		}
	}
}
