package chart

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

// allowed tells whether the policies of a release let one of its pods reach another
// on a port, by NetworkPolicy's rules.
func allowed(all []object, from, to pod, port string) bool {
	return passes(all, "egress", "to", from, to, port) && passes(all, "ingress", "from", to, from, port)
}

// passes looks at one side: the policies about the pod, their rules of one
// direction, and whom those are about. Ports are the ones of the pod that listens.
func passes(all []object, direction, whom string, about, other pod, port string) bool {
	listens := other
	if direction == "ingress" {
		listens = about
	}
	bound := false
	for _, policy := range ofKind(all, "NetworkPolicy") {
		types, _ := at(policy, "spec", "policyTypes").([]any)
		if !selects(at(policy, "spec", "podSelector"), about.labels) || !slices.ContainsFunc(types, func(kind any) bool { return strings.EqualFold(text(kind), direction) }) {
			continue
		}
		bound = true
		for _, rule := range list(at(policy, "spec", direction)) {
			ports := list(rule["ports"])
			fits := len(ports) == 0 || slices.ContainsFunc(ports, func(p map[string]any) bool {
				return text(p["protocol"]) == "TCP" && (text(p["port"]) == port || listens.port(text(p["port"])) == port)
			})
			peers := list(rule[whom])
			if fits && (len(peers) == 0 || slices.ContainsFunc(peers, func(p map[string]any) bool { return p["podSelector"] != nil && selects(p["podSelector"], other.labels) })) {
				return true
			}
		}
	}
	return !bound
}

// selects tells whether a label selector fits labels.
func selects(selector any, labels map[string]string) bool {
	for _, e := range list(at(selector, "matchExpressions")) {
		values, _ := e["values"].([]any)
		if e["operator"] != "In" || !slices.Contains(values, any(labels[text(e["key"])])) {
			return false
		}
	}
	return matches(texts(at(selector, "matchLabels")), labels)
}

// behind finds the pods behind a Service's name and port, and the port there.
func behind(all []object, name, port string) (p pod, at string, ok bool) {
	s, ok := one(all, "Service", name)
	if !ok {
		return pod{}, "", false
	}
	for _, sp := range list(s.spec("ports")) {
		if text(sp["port"]) != port {
			continue
		}
		for _, p := range pods(all) {
			if matches(texts(s.spec("selector")), p.labels) {
				return p, p.port(text(sp["targetPort"])), true
			}
		}
	}
	return pod{}, "", false
}

func (o object) spec(key string) any { return at(o, "spec", key) }

// addresses are all that a container is told of: in settings and arguments.
func addresses(all []object, c map[string]any) []string {
	var found []string
	given, _ := c["args"].([]any)
	for _, a := range given {
		found = append(found, text(a))
	}
	for _, value := range environment(all, c) {
		found = append(found, strings.Split(value, ",")...)
	}
	return found
}

// TestPolicies_LetPodsReachWhatTheyAreToldOf follows every address in settings and
// arguments that names a Service of the release.
func TestPolicies_LetPodsReachWhatTheyAreToldOf(t *testing.T) {
	each(t, func(t *testing.T, x example, all []object) {
		followed := 0
		for _, p := range pods(all) {
			for _, c := range p.containers() {
				for _, address := range addresses(all, c) {
					if !strings.Contains(address, "://") {
						address = "tcp://" + address
					}
					u, err := url.Parse(address)
					if err != nil {
						continue
					}
					to, port, ok := behind(all, u.Hostname(), u.Port())
					if !ok || to.component() == p.component() {
						continue
					}
					followed++
					if !allowed(all, p, to, port) {
						t.Errorf("%s may not reach %s at %s", p, to, address)
					}
				}
			}
		}
		if !x.production && followed < 10 {
			t.Errorf("only %d addresses lead to Services of the release", followed)
		}
	})
}

func TestPolicies_KeepOthersOut(t *testing.T) {
	all := rendered(t, examples[0]).objects
	find := func(component string) pod {
		i := slices.IndexFunc(pods(all), func(p pod) bool { return p.component() == component })
		if i < 0 {
			t.Fatalf("no pod of %s", component)
		}
		return pods(all)[i]
	}
	for _, refused := range [][3]string{
		{"order", "payment-db", "5432"}, {"payment", "order-db", "5432"}, {"test", "order-db", "5432"}, {"order-migrate", "inventory-db", "5432"},
		{"order", "payment", "9090"}, {"kafka", "order", "8080"}, {"order-db", "kafka", "9092"}, {"inventory", "gateway", "12111"},
	} {
		if allowed(all, find(refused[0]), find(refused[1]), refused[2]) {
			t.Errorf("%s may reach %s", refused[0], refused[1])
		}
	}
	if stranger := (pod{labels: map[string]string{}}); allowed(all, stranger, find("order"), "9090") || !allowed(all, stranger, find("order"), "8080") {
		t.Error("a stranger may see operations, or place no order")
	}
	if off := rendered(t, examples[0].with(`{networkPolicy: {enabled: false}}`)).objects; len(ofKind(off, "NetworkPolicy")) > 0 {
		t.Error("there are policies although they are off")
	}
}

// elsewhere are the ports that a pod may reach outside of the release, with the
// number of peers that it may reach there; 0: any.
func elsewhere(all []object, component string) map[string]int {
	out := map[string]int{}
	for _, policy := range ofKind(all, "NetworkPolicy") {
		if text(at(policy, "spec", "podSelector", "matchLabels", "app.kubernetes.io/component")) != component {
			continue
		}
		for _, rule := range list(policy.spec("egress")) {
			for _, p := range list(rule["ports"]) {
				out[text(p["port"])] = len(list(rule["to"]))
			}
		}
	}
	return out
}

func TestPolicies_LeadOutOnThePortsOfTheAddresses(t *testing.T) {
	for name, want := range map[string]map[string]int{
		"production":                              {"53": 0, "9093": 0, "443": 0, "5432": 0},
		"production with everything optional":     {"53": 0, "9093": 0, "443": 0, "5432": 0, "4318": 0},
		"production with a registry of two users": {"53": 0, "9093": 0, "443": 0, "5432": 0, "8443": 0},
		"production behind policies":              {"53": 1, "5353": 1, "9093": 1, "443": 1, "6432": 1},
	} {
		x := called(t, name)
		got := elsewhere(rendered(t, x).objects, "payment")
		if text(got) != text(want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
