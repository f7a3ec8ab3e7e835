//go:build kubernetes

package kubernetes

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// services are the components that are ours to judge.
var services = []string{"order", "payment", "inventory"}

// pod is what is looked at of one.
type pod struct {
	Metadata struct {
		Name   string            `json:"name"`
		Labels map[string]string `json:"labels"`
	} `json:"metadata"`
	Spec struct {
		NodeName   string `json:"nodeName"`
		Containers []struct {
			Image string `json:"image"`
		} `json:"containers"`
	} `json:"spec"`
	Status struct {
		Phase      string `json:"phase"`
		Containers []struct {
			ContainerID  string `json:"containerID"`
			Ready        bool   `json:"ready"`
			RestartCount int    `json:"restartCount"`
		} `json:"containerStatuses"`
	} `json:"status"`
}

func (p pod) ready() bool { return len(p.Status.Containers) == 1 && p.Status.Containers[0].Ready }

// pods are those of a component in a namespace.
func pods(t *testing.T, namespace, component string) []pod {
	t.Helper()
	var list struct {
		Items []pod `json:"items"`
	}
	out := must(t, "kubectl", in(namespace, "get", "pods", "--selector", "app.kubernetes.io/component="+component, "--output", "json")...)
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// awaitPods waits until a component has so many pods, all of them ready.
func awaitPods(t *testing.T, namespace, component string, n int) {
	t.Helper()
	eventually(t, func() error {
		all := pods(t, namespace, component)
		for _, p := range all {
			if !p.ready() {
				return fmt.Errorf("%s is not ready: %+v", p.Metadata.Name, p.Status)
			}
		}
		if len(all) != n {
			return fmt.Errorf("%s has %d pods, want %d", component, len(all), n)
		}
		return nil
	})
}

// memory is what the pods of the services use together, in bytes, as kubelets
// measure it.
func memory(t *testing.T, namespace string) (total int64, each string) {
	t.Helper()
	var text []string
	for _, service := range services {
		for _, p := range pods(t, namespace, service) {
			var stats struct {
				Pods []struct {
					PodRef struct{ Name, Namespace string }
					Memory struct {
						WorkingSetBytes int64 `json:"workingSetBytes"`
					}
				} `json:"pods"`
			}
			out := must(t, "kubectl", "get", "--raw", "/api/v1/nodes/"+p.Spec.NodeName+"/proxy/stats/summary")
			if err := json.Unmarshal([]byte(out), &stats); err != nil {
				t.Fatal(err)
			}
			for _, s := range stats.Pods {
				if s.PodRef.Namespace == namespace && s.PodRef.Name == p.Metadata.Name && s.Memory.WorkingSetBytes > 0 {
					total += s.Memory.WorkingSetBytes
					text = append(text, fmt.Sprintf("%s %.1f MB", service, float64(s.Memory.WorkingSetBytes)/1e6))
				}
			}
		}
	}
	if len(text) != len(services) {
		return 0, fmt.Sprintf("measured: %q", text)
	}
	return total, strings.Join(text, ", ")
}

// kill ends the processes of a pod's container with SIGKILL, and waits until the
// container runs again.
func kill(t *testing.T, namespace, component string) {
	t.Helper()
	victim := pods(t, namespace, component)[0]
	before := victim.Status.Containers[0]
	_, id, ok := strings.Cut(before.ContainerID, "://")
	if !ok {
		t.Fatalf("%s has no container: %+v", victim.Metadata.Name, before)
	}
	const script = `for process in /proc/[0-9]*; do if grep -qs "$0" "$process/cgroup"; then kill -9 "${process#/proc/}"; fi; done`
	must(t, "kubectl", in(killers, "exec", killer(victim.Spec.NodeName), "--", "bash", "-c", script, id)...)
	eventually(t, func() error {
		for _, p := range pods(t, namespace, component) {
			if p.Metadata.Name == victim.Metadata.Name && p.ready() && p.Status.Containers[0].RestartCount > before.RestartCount {
				return nil
			}
		}
		return fmt.Errorf("%s did not come back", victim.Metadata.Name)
	})
}

// killer is the pod that kill uses on a node.
func killer(node string) string { return "killer-" + node }

// hireKillers runs one on every node, with an image that has a shell.
func hireKillers(t *testing.T, image string) {
	t.Helper()
	makeNamespace(t, killers, "pod-security.kubernetes.io/enforce=privileged")
	manifest, err := os.ReadFile("testdata/killer.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.FieldsSeq(must(t, "kubectl", "get", "nodes", "--output", "name")) {
		node := strings.TrimPrefix(name, "node/")
		text := strings.NewReplacer("NAME", killer(node), "NODE", node, "IMAGE", image).Replace(string(manifest))
		mustFeed(t, text, "kubectl", in(killers, "apply", "--filename", "-")...)
		must(t, "kubectl", in(killers, "wait", "pod/"+killer(node), "--for=condition=Ready", "--timeout="+soon.String())...)
	}
}
