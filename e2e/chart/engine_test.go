package chart

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"sigs.k8s.io/yaml"
)

// engine renders a chart as Helm does, as far as this chart needs: the functions of
// sprig and Helm's own; no parts, no tpl.
type engine struct {
	folder fs.FS
	// cluster is what lookup finds: objects by "kind namespace/name".
	cluster map[string]object
}

// notes is what Helm prints after an installation.
const notes = "templates/NOTES.txt"

// release is what templates know of an installation.
type release struct {
	Name, Namespace, Service string
	Revision                 int
	IsInstall, IsUpgrade     bool
}

// chartFiles is what templates know of the other files.
type chartFiles struct{ fs.FS }

// Get returns a file; an empty text if there is none, as in Helm.
func (f chartFiles) Get(name string) string {
	text, err := fs.ReadFile(f.FS, name)
	if err != nil {
		return ""
	}
	return string(text)
}

// Glob returns the files that match, by name.
func (f chartFiles) Glob(pattern string) (map[string][]byte, error) {
	names, err := fs.Glob(f.FS, pattern)
	found := map[string][]byte{}
	for _, name := range names {
		found[name] = []byte(f.Get(name))
	}
	return found, err
}

// render returns what each template becomes, by its name.
func (e engine) render(of release, values map[string]any) (map[string]string, error) {
	var about struct{ Name, Version, AppVersion string }
	if err := yaml.Unmarshal([]byte(chartFiles{e.folder}.Get("Chart.yaml")), &about); err != nil {
		return nil, err
	}
	root := template.New("chart").Option("missingkey=zero")
	root.Funcs(e.functions(root))
	var pages []string
	err := fs.WalkDir(e.folder, "templates", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if !strings.HasPrefix(path.Base(name), "_") {
			pages = append(pages, name)
		}
		_, err = root.New(name).Parse(chartFiles{e.folder}.Get(name))
		return err
	})
	if err != nil {
		return nil, err
	}
	rendered := map[string]string{}
	for _, name := range pages {
		var page strings.Builder
		err := root.ExecuteTemplate(&page, name, map[string]any{
			"Values": values, "Release": of, "Chart": about, "Files": chartFiles{e.folder},
		})
		if err != nil {
			return nil, err
		}
		rendered[name] = strings.ReplaceAll(page.String(), "<no value>", "")
	}
	return rendered, nil
}

func (e engine) functions(root *template.Template) template.FuncMap {
	all := sprig.TxtFuncMap()
	maps.Copy(all, template.FuncMap{
		"include": func(name string, data any) (string, error) {
			var text strings.Builder
			err := root.ExecuteTemplate(&text, name, data)
			return text.String(), err
		},
		"fail":   func(why string) (string, error) { return "", errors.New(why) },
		"lookup": e.lookup,
		"toYaml": func(v any) (string, error) {
			text, err := yaml.Marshal(v)
			return strings.TrimSuffix(string(text), "\n"), err
		},
		"toJson": func(v any) (string, error) {
			text, err := json.Marshal(v)
			return string(text), err
		},
		"fromYaml":      parse[map[string]any],
		"fromYamlArray": parse[[]any],
		"fromJsonArray": parse[[]any],
	})
	return all
}

// parse is stricter than Helm, which hands errors to templates as values.
func parse[T any](text string) (T, error) {
	var v T
	err := yaml.Unmarshal([]byte(text), &v)
	return v, err
}

func (e engine) lookup(_, kind, namespace, name string) map[string]any {
	found, ok := e.cluster[fmt.Sprintf("%s %s/%s", kind, namespace, name)]
	if !ok {
		return map[string]any{}
	}
	return found
}

// merged puts values over others, as Helm does: maps are merged, null takes a value
// away, everything else replaces.
func merged(over, under map[string]any) map[string]any {
	out := map[string]any{}
	maps.Copy(out, under)
	for key, value := range over {
		upper, isMap := value.(map[string]any)
		lower, wasMap := out[key].(map[string]any)
		switch {
		case value == nil:
			delete(out, key)
		case isMap && wasMap:
			out[key] = merged(upper, lower)
		default:
			out[key] = value
		}
	}
	return out
}

// objects are the documents of all pages but the notes.
func objects(rendered map[string]string) ([]object, error) {
	var all []object
	for _, name := range slices.Sorted(maps.Keys(rendered)) {
		if name == notes {
			continue
		}
		for _, document := range strings.Split("\n"+rendered[name], "\n---") {
			var o object
			if err := yaml.UnmarshalStrict([]byte(document), &o); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if len(o) > 0 {
				all = append(all, o)
			}
		}
	}
	return all, nil
}

// readValues reads a file of values.
func readValues(name string) (map[string]any, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return parse[map[string]any](string(text))
}
