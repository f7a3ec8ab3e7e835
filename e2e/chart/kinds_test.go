package chart

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// kinds has the schemas of what the chart renders: see its ATTRIBUTION.
const kinds = "testdata/kinds"

var (
	kindsMu     sync.Mutex
	kindsByFile = map[string]*jsonschema.Schema{}
	compiler    = jsonschema.NewCompiler()
)

// schemaFile is the name that kubeconform gives to the schema of an object.
func schemaFile(o object) string {
	group, version, grouped := strings.Cut(text(o["apiVersion"]), "/")
	suffix := group
	if grouped {
		group, _, _ = strings.Cut(group, ".")
		suffix = group + "-" + version
	}
	return strings.ToLower(o.kind()) + "-" + suffix + ".json"
}

func schemaOf(t *testing.T, o object) *jsonschema.Schema {
	t.Helper()
	kindsMu.Lock()
	defer kindsMu.Unlock()
	file := schemaFile(o)
	if s, ok := kindsByFile[file]; ok {
		return s
	}
	s, err := compiler.Compile(filepath.Join(kinds, file))
	if err != nil {
		t.Fatalf("%s: %v", o, err)
	}
	kindsByFile[file] = s
	return s
}

func validate(t *testing.T, o object) error {
	t.Helper()
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return schemaOf(t, o).Validate(instance)
}

func TestChart_RendersWhatACluster1_33Takes(t *testing.T) {
	seen := map[string]bool{}
	each(t, func(t *testing.T, _ example, all []object) {
		for _, o := range all {
			seen[schemaFile(o)] = true
			if err := validate(t, o); err != nil {
				t.Errorf("%s: %v", o, err)
			}
		}
	})
	files, err := os.ReadDir(kinds)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name := f.Name(); strings.HasSuffix(name, ".json") && name != "definitions.json" && !seen[name] {
			t.Errorf("no example has what %s describes", name)
		}
	}
}

// A schema that lets everything pass would show nothing.
func TestKinds_RefuseWhatIsNotDescribed(t *testing.T) {
	for _, wrong := range []object{
		{"apiVersion": "v1", "kind": "ConfigMap", "dat": map[string]any{}},
		{"apiVersion": "v1", "kind": "Service", "spec": map[string]any{"ports": []any{map[string]any{"port": "http"}}}},
		{"apiVersion": "apps/v1", "kind": "Deployment", "spec": map[string]any{"selector": map[string]any{}, "template": map[string]any{"spec": map[string]any{
			"containers": []any{map[string]any{"name": "a", "livenesProbe": map[string]any{}}},
		}}}},
		{"apiVersion": "kafka.strimzi.io/v1", "kind": "KafkaUser", "spec": map[string]any{"authorization": map[string]any{"type": "simplest"}}},
		{"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "spec": map[string]any{"endpoint": []any{}}},
	} {
		if validate(t, wrong) == nil {
			t.Errorf("takes %v", wrong)
		}
	}
}
