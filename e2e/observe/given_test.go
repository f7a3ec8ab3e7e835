package observe

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"
)

const chart = "../../deploy/helm/murmuration"

// question is a PromQL expression that somebody is given.
type question struct {
	where string // for people
	text  string
}

// dashboard is what matters here of Grafana's model.
type dashboard struct {
	Title      string
	Templating struct {
		List []struct {
			Name, Type string
			Query      any
		}
	}
	Panels []struct {
		Title, Type string
		Targets     []struct{ Expr, LegendFormat string }
	}
}

// rules are Prometheus' own.
type rules struct {
	Groups []struct {
		Name  string
		Rules []alert
	}
}

type alert struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func dashboards() (map[string]dashboard, error) {
	return read(filepath.Join(chart, "dashboards", "*.json"), func(text []byte, into *dashboard) error { return json.Unmarshal(text, into) })
}

func alerts() (map[string]rules, error) {
	return read(filepath.Join(chart, "alerts", "*.yaml"), func(text []byte, into *rules) error { return yaml.UnmarshalStrict(text, into) })
}

// read returns all files of a pattern, by path. None is an error.
func read[T any](pattern string, parse func([]byte, *T) error) (map[string]T, error) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no such files", pattern)
	}
	all := make(map[string]T)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var one T
		if err := parse(text, &one); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all[file] = one
	}
	return all, nil
}

// variables are what Grafana replaces in expressions.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$namespace", "default", "$release", "murmuration")

// questions are all expressions of dashboards and alerts.
func questions() ([]question, error) {
	var all []question
	boards, err := dashboards()
	if err != nil {
		return nil, err
	}
	labelValues := regexp.MustCompile(`^label_values\((.*), *\w+\)$`)
	for file, d := range boards {
		for _, p := range d.Panels {
			for _, t := range p.Targets {
				all = append(all, question{fmt.Sprintf("%s: panel %q", file, p.Title), variables.Replace(t.Expr)})
			}
		}
		for _, v := range d.Templating.List {
			query, ok := v.Query.(map[string]any)
			if !ok {
				continue // of data sources
			}
			text, _ := query["query"].(string)
			of := labelValues.FindStringSubmatch(text)
			if of == nil {
				return nil, fmt.Errorf("%s: variable %s: %q is no label_values(metric, label)", file, v.Name, text)
			}
			all = append(all, question{fmt.Sprintf("%s: variable %s", file, v.Name), variables.Replace(of[1])})
		}
	}
	groups, err := alerts()
	if err != nil {
		return nil, err
	}
	for file, r := range groups {
		for _, g := range r.Groups {
			for _, a := range g.Rules {
				all = append(all, question{fmt.Sprintf("%s: alert %s", file, a.Alert), a.Expr})
			}
		}
	}
	return all, nil
}
