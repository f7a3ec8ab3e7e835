package chart

import (
	"encoding/json"
	"strings"
	"testing"
)

// monitored is development with all that watches it.
var monitored = examples[0].with(`{serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}, dashboards: {enabled: true}}`)

func TestMonitoring_HasEveryRuleAndDashboard(t *testing.T) {
	all := rendered(t, monitored).objects
	files, err := chartFiles{osFolder}.Glob("alerts/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files of alerts, %v", len(files), err)
	}
	want := 0
	for name, content := range files {
		rules, err := parse[map[string]any](string(content))
		if err != nil || len(list(rules["groups"])) == 0 {
			t.Errorf("%s has no groups: %v", name, err)
		}
		want += len(list(rules["groups"]))
	}
	rule, ok := one(all, "PrometheusRule", "shop-murmuration-alerts")
	groups := list(rule.spec("groups"))
	if !ok || len(groups) != want {
		t.Fatalf("%d groups, want %d", len(groups), want)
	}
	for _, g := range groups {
		for _, r := range list(g["rules"]) {
			if r["alert"] == nil {
				continue
			}
			if link := text(at(r, "annotations", "runbook_url")); !strings.Contains(link, "docs/runbook.md#") {
				t.Errorf("alert %v: its runbook is %q", r["alert"], link)
			}
		}
	}
}

func TestMonitoring_GivesGrafanaTheDashboardsAsTheyAre(t *testing.T) {
	all := rendered(t, monitored).objects
	files, err := chartFiles{osFolder}.Glob("dashboards/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d dashboards, %v", len(files), err)
	}
	given := 0
	for _, c := range ofKind(all, "ConfigMap") {
		if c.labels()["grafana_dashboard"] != "1" {
			continue
		}
		for name, content := range texts(c["data"]) {
			given++
			if strings.TrimSpace(content) != strings.TrimSpace(string(files["dashboards/"+name])) || !json.Valid([]byte(content)) {
				t.Errorf("%s: %s is not as it was written", c, name)
			}
		}
	}
	if given != len(files) {
		t.Errorf("%d dashboards of %d", given, len(files))
	}
}

// Alerts and dashboards tell releases and services apart by these labels.
func TestMonitoring_LabelsTargetsAsRulesAskFor(t *testing.T) {
	monitors := ofKind(rendered(t, monitored).objects, "ServiceMonitor")
	if len(monitors) != len(services) {
		t.Errorf("%d ServiceMonitors", len(monitors))
	}
	for _, m := range monitors {
		labels := map[string]string{}
		for _, r := range list(list(m.spec("endpoints"))[0]["relabelings"]) {
			labels[text(r["targetLabel"])] = text(r["replacement"])
		}
		if want := m.labels()["app.kubernetes.io/component"]; labels["service"] != want || labels["release"] != "shop" {
			t.Errorf("%s labels its targets with %v", m, labels)
		}
	}
}

func TestMonitoring_IsOffByDefault(t *testing.T) {
	for _, x := range examples[:2] {
		for _, o := range rendered(t, x).objects {
			if strings.Contains(text(o["apiVersion"]), "monitoring.coreos.com") || o.labels()["grafana_dashboard"] != "" {
				t.Errorf("%s: %s needs what a bare cluster has not", x.name, o)
			}
		}
	}
}
