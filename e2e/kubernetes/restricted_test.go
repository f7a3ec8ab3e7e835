//go:build kubernetes

package kubernetes

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// restricted are the labels of a namespace that takes no other pods, and says so of
// everything that would make some.
var restricted = []string{"pod-security.kubernetes.io/enforce=restricted", "pod-security.kubernetes.io/warn=restricted"}

// longest is a release name of the 53 characters that Helm allows.
var longest = "r" + strings.Repeat("-very-long", 5) + "-n"

// Everything that development mode consists of, under the longest name, in a
// namespace that takes nothing which has rights.
func TestChart_InstallsUnderTheLongestNameWherePodSecurityIsRestricted(t *testing.T) {
	const helmLimit = 53
	if len(longest) != helmLimit {
		t.Fatalf("%q has %d characters", longest, len(longest))
	}
	makeNamespace(t, strict, restricted...)
	out, err := task{}.both(t.Context(), "helm", in(strict, "install", longest, chart, "--wait", "--wait-for-jobs", "--timeout=5m")...)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out, "violate") {
		t.Errorf("Pod Security objects:\n%s", clip(out))
	}
	must(t, "helm", in(strict, "test", longest)...)
	must(t, "helm", in(strict, "uninstall", longest, "--wait")...)
	leftNothing(t, strict)
}

// What is rendered for production is what the cluster itself accepts: field by field,
// and under Pod Security.
func TestChart_IsAcceptedByTheClusterInProduction(t *testing.T) {
	makeNamespace(t, rendered, restricted...)
	var server struct{ GitVersion string }
	if err := json.Unmarshal([]byte(must(t, "kubectl", "get", "--raw", "/version")), &server); err != nil {
		t.Fatal(err)
	}
	manifests := must(t, "helm", in(rendered, "template", "murmuration", chart, "--kube-version", server.GitVersion, "--values", chart+"/values-production.yaml")...)
	out, err := accept(t, manifests)
	if err != nil {
		t.Fatal(err)
	}
	if objects := strings.Count(out, "(server dry run)"); objects < 10 || strings.Contains(out, "Warning") {
		t.Errorf("of %d objects the cluster says\n%s", objects, clip(out))
	}
	// The same question, of what must not pass.
	if out, err := accept(t, strings.Replace(manifests, "runAsNonRoot: true", "runAsNonRoot: false", 1)); err != nil || !strings.Contains(out, "would violate PodSecurity") {
		t.Errorf("a pod that may be root is accepted: %v\n%s", err, clip(out))
	}
	if out, err := accept(t, strings.Replace(manifests, "runAsNonRoot:", "runAsNonRooot:", 1)); err == nil || !strings.Contains(err.Error(), "runAsNonRooot") {
		t.Errorf("a misspelt field is accepted: %v\n%s", err, clip(out))
	}
}

// accept asks the cluster whether it would take manifests.
func accept(t *testing.T, manifests string) (string, error) {
	t.Helper()
	return task{input: manifests}.both(t.Context(), "kubectl", in(rendered, "apply", "--dry-run=server", "--validate=strict", "--filename", "-")...)
}

// bearsRestriction fails if a namespace has pods that Pod Security would not take.
func bearsRestriction(t *testing.T, namespace string) {
	t.Helper()
	out, err := task{}.both(t.Context(), "kubectl", "label", "namespace", namespace, "--dry-run=server", "--overwrite", restricted[0])
	if err != nil || strings.Contains(out, "violate") {
		t.Errorf("%v: %s", err, fmt.Sprint(out))
	}
}
