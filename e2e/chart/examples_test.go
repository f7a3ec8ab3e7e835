package chart

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// long is the longest name that Helm takes.
var long = strings.Repeat("a-long-release-name-", 3)[:53]

// called is an example by its name.
func called(t *testing.T, name string) example {
	t.Helper()
	i := slices.IndexFunc(examples, func(x example) bool { return x.name == name })
	if i < 0 {
		t.Fatalf("no example %q", name)
	}
	return examples[i]
}

// examples are the table that most tests go through.
var examples = []example{
	{name: "development"},
	{name: "production", production: true},
	{name: "development with a long name", release: long},
	{name: "production with a long name", release: long, production: true},
	{name: "development with a name that just does not fit", release: long[:26]},
	{name: "another name", values: `{nameOverride: birds, commonLabels: {team: starlings}, imagePullSecrets: [{name: pull}]}`},
	{name: "a full name", values: `{fullnameOverride: birds}`},
	{name: "broker elsewhere", values: `{development: {kafka: {enabled: false}}, kafka: {brokers: ["kafka.streams:9094"]}}`},
	{name: "broker elsewhere, secured", values: `{development: {kafka: {enabled: false}}, kafka: {brokers: ["kafka.streams:9094"],
		tls: {enabled: true, ca: {configMap: kafka-ca, key: bundle.pem}}, users: {order: {existingSecret: k}, payment: {existingSecret: k}, inventory: {existingSecret: k}, topics: {existingSecret: k}, reader: {existingSecret: k}}}}`},
	{name: "registry elsewhere", values: `{development: {registry: {enabled: false}}, schemaRegistry: {url: "http://registry.streams"}}`},
	{name: "gateway elsewhere", values: `{development: {gateway: {enabled: false}}, payment: {gateway: {existingSecret: stripe}}}`},
	{name: "databases elsewhere", values: `{development: {postgresql: {enabled: false}},
		order: {database: {host: pg, existingSecret: pg, sslmode: require}}, payment: {database: {host: pg, existingSecret: pg}}, inventory: {database: {host: pg, existingSecret: pg}}}`},
	{name: "nothing optional", values: `{jobs: {enabled: false}, tests: {enabled: false}, networkPolicy: {enabled: false}, checks: {secrets: false},
		services: {podDisruptionBudget: {enabled: false}, serviceAccount: {create: false}, spread: {keys: []}}}`},
	{name: "everything optional", values: everything},
	{name: "production with everything optional", production: true, values: everything},
	{name: "production with Strimzi", production: true, values: `{kafka: {topics: {declaredBy: strimzi}, strimzi: {cluster: main, namespace: streams, users: true}}}`},
	{name: "production with Strimzi for users only", production: true, values: `{kafka: {strimzi: {cluster: main, users: true}, topics: {replicationFactor: -1}}}`},
	{name: "production without Jobs and tests", production: true, values: `{kafka: {topics: {declaredBy: none}, users: {topics: {existingSecret: ""}, reader: {existingSecret: ""}}}, jobs: {enabled: false}, tests: {enabled: false}}`},
	{name: "production in one role", production: true, values: `{order: {database: {migration: {user: ""}, ca: {configMap: "", secret: pg-ca}}}, schemaRegistry: {existingSecret: ""}}`},
	{name: "production with a registry of two users", production: true, values: `{schemaRegistry: {registration: {existingSecret: registrar}, ca: {secret: registry-ca}}, payment: {gateway: {url: "https://gateway.example.com:8443/v1"}}}`},
	{name: "production behind policies", production: true, values: `networkPolicy:
  clients: [{namespaceSelector: {matchLabels: {name: ingress}}}]
  monitoring: [{namespaceSelector: {matchLabels: {name: monitoring}}, podSelector: {matchLabels: {app: prometheus}}}]
  egress:
    dns: {to: [{namespaceSelector: {matchLabels: {name: kube-system}}}], ports: [53, 5353]}
    kafka: {to: [{ipBlock: {cidr: 10.1.0.0/16}}]}
    databases: {to: [{ipBlock: {cidr: 10.2.0.0/16}}], ports: [6432]}
    gateway: {to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]}
`},
}

// everything switches on what is off by default.
const everything = `
tracing: {endpoint: "http://collector.tracing:4318", ratio: 0.5}
log: {level: debug, format: console}
image: {pullPolicy: Always, digests: {order: "sha256:` + digest + `"}}
services:
  replicas: 3
  env: {INSTANCE: fixed}
  podAnnotations: {sidecar: "false"}
  podLabels: {tier: one}
  nodeSelector: {disk: ssd}
  tolerations: [{key: busy, operator: Exists, effect: NoSchedule}]
  affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {matchExpressions: [{key: gpu, operator: DoesNotExist}]}}]}}
  priorityClassName: high
  spread: {whenUnsatisfiable: DoNotSchedule}
  autoscaling: {enabled: true}
  serviceAccount: {annotations: {owner: team}}
  service: {type: NodePort, port: 80, annotations: {exposed: "true"}}
order: {deadline: 30m, service: {type: LoadBalancer}}
inventory: {autoscaling: {enabled: false}, serviceAccount: {create: false, name: birds}}
jobs: {podAnnotations: {sidecar: "false"}, nodeSelector: {disk: ssd}, tolerations: [{operator: Exists}]}
routes: {payment: [/payments], inventory: [/stock, /reservations]}
ingress: {enabled: true, className: nginx, annotations: {a: b}, host: shop.example.com, tlsSecret: shop-tls}
httpRoute: {enabled: true, parentRefs: [{name: public, namespace: gateways}], hostnames: [shop.example.com], annotations: {a: b}}
serviceMonitor: {enabled: true, labels: {release: prometheus}}
prometheusRule: {enabled: true, labels: {release: prometheus}}
dashboards: {enabled: true, annotations: {grafana_folder: Shop}}
tests: {placeOrder: always}
development: {storageClass: fast}
`

const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// TestExamples_HaveEverySwitchOnAndOff keeps the table complete: each boolean is
// true in one example and false in another, each named value is in one.
func TestExamples_HaveEverySwitchOnAndOff(t *testing.T) {
	seen := map[string]map[string]bool{}
	for _, x := range examples {
		values, err := x.effective()
		if err != nil {
			t.Fatal(err)
		}
		walk("", values, func(path string, value any) {
			if seen[path] == nil {
				seen[path] = map[string]bool{}
			}
			seen[path][fmt.Sprint(value)] = true
		})
	}
	own, err := readValues(folder + "/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	walk("", own, func(path string, value any) {
		if _, isSwitch := value.(bool); isSwitch && (!seen[path]["true"] || !seen[path]["false"]) {
			t.Errorf("%s is in no two examples, on and off", path)
		}
	})
	for path, names := range named(t) {
		for _, name := range names {
			if !seen[path][name] {
				t.Errorf("%s is %s in no example", path, name)
			}
		}
	}
}

// walk calls see with every value that is no map.
func walk(path string, node any, see func(path string, value any)) {
	m, ok := node.(map[string]any)
	if !ok {
		see(strings.TrimPrefix(path, "."), node)
		return
	}
	for key, value := range m {
		walk(path+"."+key, value, see)
	}
}

// named are the values that have names, and all their names, as far as they choose
// what is rendered; a name that is handed on says nothing about the chart.
func named(t *testing.T) map[string][]string {
	t.Helper()
	var schema struct {
		Properties map[string]any `json:"properties"`
	}
	if err := json.Unmarshal([]byte(chartFiles{osFolder}.Get("values.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, path := range []string{"mode", "kafka.topics.declaredBy", "services.spread.whenUnsatisfiable"} {
		node := any(schema.Properties)
		for i, key := range strings.Split(path, ".") {
			if i > 0 {
				node = at(node, "properties")
			}
			node = at(node, key)
		}
		names, _ := at(node, "enum").([]any)
		if len(names) == 0 {
			t.Errorf("the schema has no names for %s", path)
		}
		for _, name := range names {
			out[path] = append(out[path], text(name))
		}
	}
	return out
}
