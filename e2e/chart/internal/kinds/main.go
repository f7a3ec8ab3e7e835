// Command kinds writes the JSON schemas of the kinds that the chart renders, from
// what their authors publish: Kubernetes' OpenAPI document, and the custom resource
// definitions of the Prometheus operator, the Gateway API and Strimzi. The schemas
// are strict (what is not described is refused) and hold no prose.
//
//	go run ./internal/kinds -strimzi FOLDER testdata/kinds
//
// FOLDER has Strimzi's 043-Crd-kafkatopic.yaml and 044-Crd-kafkauser.yaml, from
// install/cluster-operator of its repository. The rest comes with Go's modules, of
// which it downloads some 100 MB: so `make generate` leaves it alone.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Where the schemas come from.
const (
	kubernetes = "k8s.io/kubernetes@v1.33.13"
	prometheus = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
	gatewayAPI = "sigs.k8s.io/gateway-api@v1.4.1"
)

// native are the definitions of Kubernetes' own kinds, by the name that kubeconform
// gives their files.
var native = map[string]string{
	"configmap-v1":                           "io.k8s.api.core.v1.ConfigMap",
	"pod-v1":                                 "io.k8s.api.core.v1.Pod",
	"secret-v1":                              "io.k8s.api.core.v1.Secret",
	"service-v1":                             "io.k8s.api.core.v1.Service",
	"serviceaccount-v1":                      "io.k8s.api.core.v1.ServiceAccount",
	"deployment-apps-v1":                     "io.k8s.api.apps.v1.Deployment",
	"statefulset-apps-v1":                    "io.k8s.api.apps.v1.StatefulSet",
	"job-batch-v1":                           "io.k8s.api.batch.v1.Job",
	"horizontalpodautoscaler-autoscaling-v2": "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
	"ingress-networking-v1":                  "io.k8s.api.networking.v1.Ingress",
	"networkpolicy-networking-v1":            "io.k8s.api.networking.v1.NetworkPolicy",
	"poddisruptionbudget-policy-v1":          "io.k8s.api.policy.v1.PodDisruptionBudget",
}

func main() {
	strimzi := flag.String("strimzi", "", "folder with Strimzi's definitions")
	flag.Parse()
	if flag.NArg() != 1 || *strimzi == "" {
		flag.Usage()
		os.Exit(2)
	}
	if err := write(flag.Arg(0), *strimzi); err != nil {
		fmt.Fprintln(os.Stderr, "kinds:", err)
		os.Exit(1)
	}
}

func write(folder, strimzi string) error {
	core, err := module(kubernetes)
	if err != nil {
		return err
	}
	operator, err := module(prometheus)
	if err != nil {
		return err
	}
	gateway, err := module(gatewayAPI)
	if err != nil {
		return err
	}
	if err := writeNative(folder, core+"/api/openapi-spec/swagger.json"); err != nil {
		return err
	}
	for name, file := range map[string]string{
		"servicemonitor-monitoring-v1": operator + "/example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
		"prometheusrule-monitoring-v1": operator + "/example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
		"httproute-gateway-v1":         gateway + "/config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
		"kafkatopic-kafka-v1":          filepath.Join(strimzi, "043-Crd-kafkatopic.yaml"),
		"kafkauser-kafka-v1":           filepath.Join(strimzi, "044-Crd-kafkauser.yaml"),
	} {
		schema, err := custom(file)
		if err == nil {
			err = writeJSON(filepath.Join(folder, name+".json"), schema)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// module downloads a module and returns its folder.
func module(name string) (string, error) {
	out, err := exec.Command("go", "mod", "download", "-json", name).Output()
	if err != nil {
		return "", fmt.Errorf("download %s: %w: %s", name, err, out)
	}
	var got struct{ Dir string }
	err = json.Unmarshal(out, &got)
	return got.Dir, err
}

// writeNative writes the definitions that our kinds need into one file, and a file
// for each kind that leads to its own.
func writeNative(folder, document string) error {
	raw, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	var published struct {
		Definitions map[string]map[string]any `json:"definitions"`
	}
	if err := json.Unmarshal(raw, &published); err != nil {
		return fmt.Errorf("%s: %w", document, err)
	}
	needed := map[string]any{}
	var need func(name string)
	need = func(name string) {
		if needed[name] != nil {
			return
		}
		schema := strict(published.Definitions[name])
		needed[name] = schema
		for _, other := range references(schema) {
			need(other)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(native)) {
		need(native[name])
		reference := map[string]any{"$ref": "definitions.json#/definitions/" + native[name]}
		if err := writeJSON(filepath.Join(folder, name+".json"), reference); err != nil {
			return err
		}
	}
	return writeJSON(filepath.Join(folder, "definitions.json"), map[string]any{"definitions": needed})
}

var errNoVersion = errors.New("no version v1 is served")

// custom returns the schema of version v1 of a custom resource definition.
func custom(file string) (map[string]any, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var definition struct {
		Spec struct {
			Versions []struct {
				Name   string
				Schema struct {
					OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(raw, &definition); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, v := range definition.Spec.Versions {
		if v.Name == "v1" {
			return strict(v.Schema.OpenAPIV3Schema), nil
		}
	}
	return nil, fmt.Errorf("%s: %w", file, errNoVersion)
}

func writeJSON(file string, schema any) error {
	raw, err := json.MarshalIndent(schema, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(raw, '\n'), 0o644)
}

// references are the definitions that a schema refers to.
func references(node any) []string {
	var found []string
	switch n := node.(type) {
	case map[string]any:
		for key, value := range n {
			if target, ok := value.(string); ok && key == "$ref" {
				found = append(found, strings.TrimPrefix(target, local))
			}
			found = append(found, references(value)...)
		}
	case []any:
		for _, value := range n {
			found = append(found, references(value)...)
		}
	}
	return found
}
