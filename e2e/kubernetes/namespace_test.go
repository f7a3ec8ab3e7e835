//go:build kubernetes

package kubernetes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The namespaces that the tests make.
const (
	home       = "murmuration" // of the document
	killers    = "murmuration-killer"
	strict     = "murmuration-restricted"
	rendered   = "murmuration-rendered"
	mistakes   = "murmuration-mistakes"
	servers    = "murmuration-servers"
	production = "shop" // of the document
)

func namespaces() []string {
	return []string{home, killers, strict, rendered, mistakes, servers, production}
}

// mine labels the namespaces that the tests made, so that no other is deleted.
const mine = "murmuration.dev/made-by=tests"

// checkCluster refuses one that is used for something else.
func checkCluster(ctx context.Context) error {
	out, err := task{}.run(ctx, "kubectl", "get", "namespaces", "--output", "name")
	if err != nil {
		return fmt.Errorf("no cluster: %w", err)
	}
	for name := range strings.FieldsSeq(out) {
		if slices.Contains(namespaces(), strings.TrimPrefix(name, "namespace/")) {
			return fmt.Errorf("%s is in this cluster already: these tests make and delete it", name)
		}
	}
	return nil
}

// makeNamespace makes one that is gone after the test.
func makeNamespace(t *testing.T, name string, labels ...string) {
	t.Helper()
	must(t, "kubectl", "create", "namespace", name)
	must(t, "kubectl", append([]string{"label", "namespace", name, mine}, labels...)...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(tell(name))
		}
		dropNamespace(name)
	})
}

// dropNamespace deletes one with all that is in it, also when the test is over.
func dropNamespace(name string) {
	_, _ = task{}.run(context.Background(), "kubectl", "delete", "namespace", name, "--ignore-not-found", "--wait=true") // the cluster may be gone
}

// given is what every namespace has, by itself or for a while.
var given = []string{"configmap/kube-root-ca.crt", "serviceaccount/default", "event/", "event.events.k8s.io/", "endpoints/", "endpointslice.discovery.k8s.io/", "podmetrics.metrics.k8s.io/"}

// leftNothing fails if a namespace has something that was not there from the start.
func leftNothing(t *testing.T, namespace string) {
	t.Helper()
	kinds := strings.Fields(must(t, "kubectl", "api-resources", "--namespaced", "--verbs=list", "--output=name"))
	eventually(t, func() error {
		left := strings.Fields(must(t, "kubectl", in(namespace, "get", strings.Join(kinds, ","), "--ignore-not-found", "--output=name")...))
		left = slices.DeleteFunc(left, func(name string) bool {
			return slices.ContainsFunc(given, func(begins string) bool { return strings.HasPrefix(name, begins) })
		})
		if len(left) > 0 {
			return fmt.Errorf("%s still has %q", namespace, left)
		}
		return nil
	})
}

// tell is what a person would look at when something is wrong in a namespace.
func tell(namespace string) string {
	var said strings.Builder
	look := func(args ...string) string {
		out, err := task{}.run(context.Background(), "kubectl", in(namespace, args...)...)
		if err != nil {
			out += err.Error()
		}
		return out
	}
	said.WriteString(look("get", "all,pvc", "--output", "wide"))
	said.WriteString(look("get", "events", "--sort-by=.lastTimestamp"))
	for pod := range strings.FieldsSeq(look("get", "pods", "--output", "name")) {
		for _, which := range []string{"--previous=false", "--previous=true"} {
			const lines = "--tail=60"
			if out := look("logs", pod, "--all-containers", lines, which); !strings.Contains(out, "previous terminated container") {
				fmt.Fprintf(&said, "=== %s %s\n%s", pod, which, out)
			}
		}
	}
	return said.String()
}
