package observe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/prometheus/prometheus/promql/parser"
	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/e2e/client"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what takes moments on an idle machine.
const patience = 2 * time.Minute

// metricName is the label under which Prometheus knows the name of a metric.
const metricName = "__name__"

// made are metrics that Prometheus makes of each target by itself.
var made = told{"up": {"gauge", map[string]bool{}}}

// lively is what the services of a platform tell after some orders.
func lively(t *testing.T, enough func(told) error) told {
	t.Helper()
	platform, err := stack.NewInProcess(t.Context(), embedded.Config{Data: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := platform.Close(); err != nil {
			t.Error(err)
		}
	}()
	customer := client.New(platform)
	defer customer.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := customer.Receive(ctx, "TEAPOT", "first", 10); err != nil {
		t.Fatal(err)
	}
	for id, card := range map[string]string{"paid": "pm_card_visa", "declined": "pm_card_chargeDeclined"} {
		lines := []client.NewLine{{SKU: "TEAPOT", Quantity: 1, Amount: 799}}
		if _, err := customer.Place(ctx, client.NewOrder{OrderID: id, Customer: "ada", Currency: "GBP", PaymentMethod: card, Lines: lines}); err != nil {
			t.Fatal(err)
		}
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		all := told{}
		for name, f := range made {
			all[name] = f
		}
		at := platform.Addresses()
		err := errors.Join(all.scrape(ctx, at.Order.Ops+"/metrics"), all.scrape(ctx, at.Payment.Ops+"/metrics"), all.scrape(ctx, at.Inventory.Ops+"/metrics"))
		if err == nil {
			if err = enough(all); err == nil {
				return all
			}
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-tick.C:
		}
	}
}

// vectors calls see with every metric that an expression asks for.
func vectors(expr parser.Expr, see func(*parser.VectorSelector)) {
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok {
			see(v)
		}
		return nil
	})
}

func TestQuestions_AskForWhatServicesTell(t *testing.T) {
	all, err := questions()
	if err != nil {
		t.Fatal(err)
	}
	parsed := make([]parser.Expr, len(all))
	for i, q := range all {
		if parsed[i], err = parser.NewParser(parser.Options{}).ParseExpr(q.text); err != nil {
			t.Errorf("%s: %v\n%s", q.where, err, q.text)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	if len(all) < 50 {
		t.Errorf("there are only %d questions", len(all))
	}
	services := lively(t, func(m told) error {
		var missing []error
		for i, expr := range parsed {
			vectors(expr, func(v *parser.VectorSelector) {
				if _, ok := m[v.Name]; !ok {
					missing = append(missing, fmt.Errorf("%s: no service tells %q", all[i].where, v.Name))
				}
			})
		}
		return errors.Join(missing...)
	})
	for i, expr := range parsed {
		for _, fault := range misled(services, expr) {
			t.Errorf("%s: %s\n%s", all[i].where, fault, all[i].text)
		}
	}
}

// misled are the faults of an expression: labels that its metrics do not have, and
// rates of what is no counter.
func misled(services told, expr parser.Expr) (faults []string) {
	known := func(v *parser.VectorSelector, label string) bool {
		return label == metricName || services[v.Name].labels[label] || slices.Contains(targetLabels, label)
	}
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			for _, m := range n.LabelMatchers {
				if !known(n, m.Name) {
					faults = append(faults, fmt.Sprintf("%s has no label %s", n.Name, m.Name))
				}
			}
		case *parser.AggregateExpr:
			for _, label := range n.Grouping {
				vectors(n.Expr, func(v *parser.VectorSelector) {
					if !known(v, label) {
						faults = append(faults, fmt.Sprintf("%s has no label %s to sum by", v.Name, label))
					}
				})
			}
		case *parser.Call:
			if n.Func.Name != "rate" && n.Func.Name != "increase" {
				return nil
			}
			vectors(n.Args[0], func(v *parser.VectorSelector) {
				if kind := services[v.Name].kind; kind != "counter" && kind != "histogram" {
					faults = append(faults, fmt.Sprintf("%s of %s, which is a %s", n.Func.Name, v.Name, kind))
				}
			})
		}
		return nil
	})
	return faults
}

func TestMisled_FindsWhatIsWrong(t *testing.T) {
	services := told{"rows_total": {"counter", map[string]bool{"topic": true}}, "depth": {"gauge", map[string]bool{}}}
	for text, want := range map[string]int{
		`sum by (service, topic) (rate(rows_total{topic="a", pod=~".+"}[5m]))`: 0,
		`sum by (kind) (rate(rows_total[5m]))`:                                 1,
		`rate(depth[5m])`:                                                      1,
		`depth{topic="a"} > 1`:                                                 1,
	} {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
		if err != nil {
			t.Fatal(err)
		}
		if faults := misled(services, expr); len(faults) != want {
			t.Errorf("%s: got %q, want %d", text, faults, want)
		}
	}
}

// anchors are what links into a page of Markdown can name, as GitHub makes them of
// its headings.
func anchors(t *testing.T, page string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^#{1,6} +(.*)$`).FindAllSubmatch(text, -1) {
		found[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, string(heading[1]))] = true
	}
	return found
}

const runbook = "https://github.com/murmuration-dev/murmuration/blob/main/docs/runbook.md#"

func TestAlerts_SayWhatIsWrongAndWhatToDo(t *testing.T) {
	groups, err := alerts()
	if err != nil {
		t.Fatal(err)
	}
	sections := anchors(t, "../../docs/runbook.md")
	seen := map[string]bool{}
	for file, r := range groups {
		for _, g := range r.Groups {
			for _, a := range g.Rules {
				where := fmt.Sprintf("%s: %s", file, a.Alert)
				if seen[a.Alert] || !strings.HasPrefix(a.Alert, "Murmuration") {
					t.Errorf("%s: a name of its own, with the product's, is expected", where)
				}
				seen[a.Alert] = true
				if s := a.Labels["severity"]; s != "warning" && s != "critical" {
					t.Errorf("%s: severity %q", where, s)
				}
				if a.For != "" {
					if _, err := time.ParseDuration(a.For); err != nil {
						t.Errorf("%s: for: %v", where, err)
					}
				}
				for _, text := range []string{"summary", "description"} {
					if a.Annotations[text] == "" {
						t.Errorf("%s: no %s", where, text)
					}
				}
				section, ok := strings.CutPrefix(a.Annotations["runbook_url"], runbook)
				if !ok || !sections[section] {
					t.Errorf("%s: the runbook has no section %q", where, a.Annotations["runbook_url"])
				}
				for _, label := range unknownLabels(t, a) {
					t.Errorf("%s: its texts name the label %s, which it does not have", where, label)
				}
			}
		}
	}
	if len(seen) < 10 {
		t.Errorf("there are only %d alerts", len(seen))
	}
}

// unknownLabels are those that an alert's texts name and its expression takes away.
func unknownLabels(t *testing.T, a alert) (unknown []string) {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(a.Expr)
	if err != nil {
		t.Fatalf("%s: %v", a.Alert, err)
	}
	kept := slices.Clone(targetLabels)
	parser.Inspect(expr, func(n parser.Node, path []parser.Node) error {
		if by, ok := n.(*parser.AggregateExpr); ok && !slices.ContainsFunc(path, func(n parser.Node) bool { _, inner := n.(*parser.AggregateExpr); return inner }) {
			kept = by.Grouping
		}
		return nil
	})
	for _, text := range a.Annotations {
		for _, label := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(text, -1) {
			if !slices.Contains(kept, label[1]) {
				unknown = append(unknown, label[1])
			}
		}
	}
	return unknown
}

func TestDashboards_HaveTitlesAndVariables(t *testing.T) {
	boards, err := dashboards()
	if err != nil {
		t.Fatal(err)
	}
	for file, d := range boards {
		var names []string
		for _, v := range d.Templating.List {
			names = append(names, v.Name)
		}
		for _, want := range []string{"datasource", "namespace", "release"} {
			if !slices.Contains(names, want) {
				t.Errorf("%s has no variable %s", file, want)
			}
		}
		titles := map[string]bool{}
		for _, p := range d.Panels {
			if p.Title == "" || titles[p.Title] {
				t.Errorf("%s: a panel has the title %q, like another or none", file, p.Title)
			}
			titles[p.Title] = true
			for _, target := range p.Targets {
				if !strings.Contains(target.Expr, `namespace="$namespace", release="$release"`) {
					t.Errorf("%s: panel %q shows other releases as well: %s", file, p.Title, target.Expr)
				}
			}
			if len(p.Targets) == 0 && p.Type != "row" {
				t.Errorf("%s: panel %q shows nothing", file, p.Title)
			}
		}
	}
}
