package chart

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// open are the parts of the schema that take anything, with the reason.
var open = map[string]string{
	"properties.global":                               "belongs to a parent chart",
	"definitions.affinity.properties.nodeAffinity":    "Kubernetes' own, which it checks itself",
	"definitions.affinity.properties.podAffinity":     "Kubernetes' own, which it checks itself",
	"definitions.affinity.properties.podAntiAffinity": "Kubernetes' own, which it checks itself",
}

func schemaDocument(t *testing.T) map[string]any {
	t.Helper()
	var document map[string]any
	if err := json.Unmarshal([]byte(chartFiles{osFolder}.Get("values.schema.json")), &document); err != nil {
		t.Fatal(err)
	}
	return document
}

// closed calls told with the path of every object that takes what is not described.
func closed(path []string, node any, told func(path string)) {
	switch n := node.(type) {
	case map[string]any:
		if n["type"] == "object" && n["additionalProperties"] != false && at(n, "additionalProperties") == nil {
			told(strings.Join(path, "."))
		}
		for _, key := range slices.Sorted(maps.Keys(n)) {
			closed(append(slices.Clone(path), key), n[key], told)
		}
	case []any:
		for _, value := range n {
			closed(append(slices.Clone(path), "[]"), value, told)
		}
	}
}

func TestSchema_TakesNothingThatItDoesNotDescribe(t *testing.T) {
	seen := map[string]bool{}
	closed(nil, schemaDocument(t), func(path string) {
		seen[path] = true
		if open[path] == "" {
			t.Errorf("%s takes anything", path)
		}
	})
	for path := range open {
		if !seen[path] {
			t.Errorf("%s is no exception any more", path)
		}
	}
}

// TestSchema_DescribesTheValuesThatThereAre: what the schema takes has a default,
// and so a comment, and the other way round. What a service may say for itself has
// its default among those of all services.
func TestSchema_DescribesTheValuesThatThereAre(t *testing.T) {
	document := schemaDocument(t)
	values, err := readValues(folder + "/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var compare func(path string, schema any, value map[string]any)
	compare = func(path string, schema any, value map[string]any) {
		if ref := text(at(schema, "$ref")); ref != "" {
			schema = at(document, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
		properties, _ := at(schema, "properties").(map[string]any)
		for name, property := range properties {
			below, has := value[name]
			inherited := slices.Contains(services, strings.TrimPrefix(path, ".")) && at(values, "services", name) != nil
			if !has && !inherited && path+"."+name != ".global" && !strings.HasSuffix(path, ".resources.requests") && !strings.HasSuffix(path, ".resources.limits") {
				t.Errorf("%s.%s has no default", path, name)
			}
			if m, ok := below.(map[string]any); ok && len(m) > 0 {
				compare(path+"."+name, property, m)
			}
		}
		for name := range value {
			if properties[name] == nil && properties != nil {
				t.Errorf("%s.%s is not in the schema", path, name)
			}
		}
	}
	compare("", document, values)
}
