package chart

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

// folder is the chart. It is reached by a link, since Go repeats a test whose files
// changed only if they are in its module.
const folder = "testdata/murmuration"

var osFolder = os.DirFS(folder)

// production are the values that operations teams begin with.
const production = folder + "/values-production.yaml"

// The version of Kubernetes that schemas and helm are told of.
const kubernetes = "1.33.13"

// example is an installation: a release, and values beside the chart's own.
type example struct {
	name string
	// release is its name; empty: shop.
	release string
	// production tells whether the values build on those for production.
	production bool
	// values are YAML.
	values string
}

// namespace is where examples are installed.
const namespace = "market"

func (x example) releaseName() string {
	if x.release != "" {
		return x.release
	}
	return "shop"
}

// given are the values that the chart's own are merged with.
func (x example) given() (map[string]any, error) {
	under := map[string]any{}
	if x.production {
		var err error
		if under, err = readValues(production); err != nil {
			return nil, err
		}
	}
	over, err := parse[map[string]any](x.values)
	return merged(over, under), err
}

// effective are the values that templates see.
func (x example) effective() (map[string]any, error) {
	own, err := readValues(folder + "/values.yaml")
	if err != nil {
		return nil, err
	}
	given, err := x.given()
	return merged(given, own), err
}

// rendering is what an example becomes.
type rendering struct {
	objects []object
	notes   string // empty where helm renders: it prints none
}

// render renders an example, with helm if HELM names it. cluster is what lookup
// finds, where it does not.
func (x example) render(cluster map[string]object) (rendering, error) {
	if helm := os.Getenv("HELM"); helm != "" && cluster == nil {
		return x.helm(helm)
	}
	values, err := x.effective()
	if err != nil {
		return rendering{}, err
	}
	if err := checkValues(values); err != nil {
		return rendering{}, err
	}
	pages, err := engine{osFolder, cluster}.render(release{
		Name: x.releaseName(), Namespace: namespace, Service: "Helm", Revision: 1, IsInstall: true,
	}, values)
	if err != nil {
		return rendering{}, err
	}
	all, err := objects(pages)
	return rendering{all, pages[notes]}, err
}

// helm renders by Helm's command.
func (x example) helm(command string) (rendering, error) {
	given, err := x.given()
	if err != nil {
		return rendering{}, err
	}
	values, err := yaml.Marshal(given)
	if err != nil {
		return rendering{}, err
	}
	var out, errs bytes.Buffer
	c := exec.Command(command, "template", x.releaseName(), folder, "--namespace", namespace, "--kube-version", kubernetes, "--values", "-")
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(values), &out, &errs
	if err := c.Run(); err != nil {
		return rendering{}, errors.New(errs.String())
	}
	all, err := objects(map[string]string{"helm template": out.String()})
	return rendering{all, ""}, err
}

// checkValues is what Helm does with values.schema.json.
func checkValues(values map[string]any) error {
	schema, err := valuesSchema()
	if err != nil {
		return err
	}
	// Through text, as values come: only then are numbers what the schema expects.
	raw, err := json.Marshal(values)
	if err != nil {
		return err
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	return schema.Validate(instance)
}

var valuesSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	return jsonschema.NewCompiler().Compile(filepath.Join(folder, "values.schema.json"))
})

var (
	renderingMu sync.Mutex
	renderings  = map[string]rendering{}
)

// rendered is what an example becomes; the test fails if it cannot be. Examples are
// rendered once for all tests, which do not change what they see.
func rendered(t *testing.T, x example) rendering {
	t.Helper()
	renderingMu.Lock()
	defer renderingMu.Unlock()
	key := fmt.Sprint(x)
	if done, ok := renderings[key]; ok {
		return done
	}
	r, err := x.render(nil)
	if err != nil {
		t.Fatalf("%s: %v", x.name, err)
	}
	renderings[key] = r
	return r
}

// with is the example with further values.
func (x example) with(values string) example {
	before, err := parse[map[string]any](x.values)
	if err == nil {
		var after map[string]any
		if after, err = parse[map[string]any](values); err == nil {
			before = merged(after, before)
		}
	}
	text, marshalled := yaml.Marshal(before)
	if err = errors.Join(err, marshalled); err != nil {
		panic(fmt.Sprintf("%s: values of a test: %v", x.name, err))
	}
	x.values = string(text)
	return x
}

// each runs a check on every example.
func each(t *testing.T, check func(t *testing.T, x example, all []object)) {
	t.Helper()
	for _, x := range examples {
		t.Run(x.name, func(t *testing.T) { check(t, x, rendered(t, x).objects) })
	}
}
