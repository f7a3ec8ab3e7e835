package chart

import (
	"slices"
	"testing"
)

// matches tells whether labels have all that a selector asks for.
func matches(selector, labels map[string]string) bool {
	for name, value := range selector {
		if labels[name] != value {
			return false
		}
	}
	return true
}

// port is the number behind a port of a pod, by name or number; empty if it has none.
func (p pod) port(target string) string {
	for _, c := range p.containers() {
		for _, port := range list(c["ports"]) {
			if number := text(port["containerPort"]); target == number || target == text(port["name"]) {
				return number
			}
		}
	}
	return ""
}

func TestWorkloads_SelectTheirOwnPods(t *testing.T) {
	each(t, func(t *testing.T, _ example, all []object) {
		for _, p := range pods(all) {
			selector := texts(at(p.of, "spec", "selector", "matchLabels"))
			if kind := p.of.kind(); (kind == "Deployment" || kind == "StatefulSet") && (len(selector) == 0 || !matches(selector, p.labels)) {
				t.Errorf("%s selects %v, its pods have %v", p, selector, p.labels)
			}
			for _, other := range pods(all) {
				if len(selector) > 0 && other.of.name() != p.of.name() && matches(selector, other.labels) {
					t.Errorf("%s selects pods of %s", p, other)
				}
			}
			for _, spread := range list(p.spec["topologySpreadConstraints"]) {
				if !matches(texts(at(spread, "labelSelector", "matchLabels")), p.labels) {
					t.Errorf("%s spreads other pods: %v", p, spread)
				}
			}
		}
	})
}

func TestServices_LeadToPodsThatListen(t *testing.T) {
	each(t, func(t *testing.T, _ example, all []object) {
		for _, s := range ofKind(all, "Service") {
			behind := 0
			for _, p := range pods(all) {
				if !matches(texts(at(s, "spec", "selector")), p.labels) {
					continue
				}
				behind++
				for _, port := range list(at(s, "spec", "ports")) {
					if p.port(text(port["targetPort"])) == "" {
						t.Errorf("%s: %s has no port %v", s, p, port["targetPort"])
					}
				}
			}
			if behind != 1 {
				t.Errorf("%s leads to pods of %d workloads", s, behind)
			}
		}
	})
}

func TestServices_AreOfferedAsAskedFor(t *testing.T) {
	all := rendered(t, called(t, "everything optional")).objects
	for name, want := range map[string]string{
		"shop-murmuration-order": "LoadBalancer 80", "shop-murmuration-payment": "NodePort 80", "shop-murmuration-payment-ops": " 9090",
	} {
		s, _ := one(all, "Service", name)
		if got := text(s.spec("type")) + " " + text(list(s.spec("ports"))[0]["port"]); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestOperations_AreNotReachedThroughTheAPI(t *testing.T) {
	each(t, func(t *testing.T, x example, all []object) {
		for _, s := range ofKind(all, "Service") {
			for _, port := range list(at(s, "spec", "ports")) {
				if kind := text(at(s, "spec", "type")); port["targetPort"] == "ops" && kind != "" && kind != "ClusterIP" {
					t.Errorf("%s of type %s shows operations", s, kind)
				}
			}
		}
		for _, name := range backends(all) {
			s, _ := one(all, "Service", name)
			for _, port := range list(at(s, "spec", "ports")) {
				if port["targetPort"] != "http" {
					t.Errorf("%s leads to port %v of %s", x.name, port["targetPort"], name)
				}
			}
		}
	})
}

// backends are the Services that an Ingress or a route leads to.
func backends(all []object) []string {
	var names []string
	for _, i := range ofKind(all, "Ingress") {
		for _, rule := range list(at(i, "spec", "rules")) {
			for _, p := range list(at(rule, "http", "paths")) {
				names = append(names, text(at(p, "backend", "service", "name")))
			}
		}
	}
	for _, r := range ofKind(all, "HTTPRoute") {
		for _, rule := range list(at(r, "spec", "rules")) {
			for _, b := range list(rule["backendRefs"]) {
				names = append(names, text(b["name"]))
			}
		}
	}
	return names
}

func TestObjects_ReferToOthersThatExist(t *testing.T) {
	each(t, func(t *testing.T, x example, all []object) {
		for _, name := range backends(all) {
			if _, ok := one(all, "Service", name); !ok {
				t.Errorf("a route leads to Service %s", name)
			}
		}
		for _, h := range ofKind(all, "HorizontalPodAutoscaler") {
			d, ok := one(all, text(at(h, "spec", "scaleTargetRef", "kind")), text(at(h, "spec", "scaleTargetRef", "name")))
			if !ok || at(d, "spec", "replicas") != nil {
				t.Errorf("%s scales nothing, or not alone", h)
			}
		}
		for _, b := range ofKind(all, "PodDisruptionBudget") {
			selector := texts(at(b, "spec", "selector", "matchLabels"))
			if !slices.ContainsFunc(pods(all), func(p pod) bool { return matches(selector, p.labels) }) {
				t.Errorf("%s is about no pods", b)
			}
		}
		for _, m := range ofKind(all, "ServiceMonitor") {
			found := 0
			for _, s := range ofKind(all, "Service") {
				if matches(texts(at(m, "spec", "selector", "matchLabels")), s.labels()) {
					found++
				}
			}
			if found != 1 {
				t.Errorf("%s reads %d Services", m, found)
			}
		}
		for _, p := range pods(all) {
			account := text(p.spec["serviceAccountName"])
			_, made := one(all, "ServiceAccount", account)
			if given := []string{"", "default", "birds"}; !made && !slices.Contains(given, account) {
				t.Errorf("%s runs as %s", p, account)
			}
		}
	})
}

// One database pod, one service: in development, too.
func TestDevelopment_KeepsDatabasesApart(t *testing.T) {
	hosts := map[string]string{}
	all := rendered(t, examples[0]).objects
	for _, d := range serving(t, all) {
		url := environment(all, pods([]object{d})[0].containers()[0])["DATABASE_URL"]
		if other := hosts[url]; other != "" {
			t.Errorf("%s and %s share %s", d, other, url)
		}
		hosts[url] = d.name()
	}
}
