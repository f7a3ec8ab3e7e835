package chart

import (
	"encoding/base64"
	"strings"
	"testing"
)

func TestValues_ThatCannotBeInstalledAreNamed(t *testing.T) {
	for _, wrong := range []struct {
		name       string
		production bool
		values     string
		want       []string
	}{
		{"misspelt", false, `{ordr: {replicas: 2}}`, []string{"ordr", "not allowed"}},
		{"misspelt further down", false, `{order: {database: {hots: a}}}`, []string{"/order/database", "hots", "not allowed"}},
		{"misspelt for the services", false, `{services: {replica: 2}}`, []string{"/services", "replica"}},
		{"another mode", false, `{mode: staging}`, []string{"/mode", "development", "production"}},
		{"a text for a number", false, `{payment: {replicas: two}}`, []string{"/payment/replicas"}},
		{"a broker without a port", false, `{kafka: {brokers: [kafka]}}`, []string{"/kafka/brokers/0"}},
		{"a registry that is no URL", false, `{schemaRegistry: {url: "registry:8081"}}`, []string{"/schemaRegistry/url"}},
		{"a password in a URL", false, `{schemaRegistry: {url: "http://me:secret@registry"}}`, []string{"/schemaRegistry/url"}},
		{"a latest image", false, `{development: {kafka: {image: "apache/kafka:latest"}}}`, []string{"/development/kafka/image"}},
		{"nothing but the mode", false, `{mode: production}`, []string{
			"kafka.brokers is empty", "schemaRegistry.url is empty", "order.database.host is empty", "inventory.database.existingSecret is empty",
			"payment.gateway.existingSecret is empty", "image.tag is dev in production", "kafka.tls.enabled is false in production", "kafka.users.reader.existingSecret is empty in production",
		}},
		{"no broker", false, `{development: {kafka: {enabled: false}}}`, []string{"kafka.brokers is empty: expected host:port"}},
		{"no database", false, `{development: {postgresql: {enabled: false}}}`, []string{"payment.database.host is empty"}},
		{"no password of the owner", true, `{order: {database: {migration: {existingSecret: ""}}}}`, []string{"order.database.migration.existingSecret is empty: expected the name of a Secret with the password of order_owner"}},
		{"an unverified database", true, `{order: {database: {sslmode: require}}}`, []string{"order.database.sslmode is require in production: expected verify-full"}},
		{"brokers without TLS", true, `{kafka: {tls: {enabled: false, ca: {secret: ""}}}}`, []string{"kafka.tls.enabled is false in production"}},
		{"a bundle without TLS", false, `{kafka: {tls: {ca: {secret: a}}}}`, []string{"kafka.tls.ca is set, but kafka.tls.enabled is not"}},
		{"two bundles", true, `{kafka: {tls: {ca: {configMap: a}}}}`, []string{"kafka.tls.ca names a Secret and a ConfigMap"}},
		{"an image of no version", true, `{image: {tag: latest}}`, []string{"image.tag is latest in production: expected a version"}},
		{"a user without a password", true, `{kafka: {users: {topics: {existingSecret: ""}}}}`, []string{"kafka.users.topics.existingSecret is empty in production"}},
		{"Strimzi without a cluster", true, `{kafka: {strimzi: {users: true}}}`, []string{"kafka.strimzi.cluster is empty"}},
		{"a route to nobody", false, `{httpRoute: {enabled: true}}`, []string{"httpRoute.parentRefs is empty"}},
		{"no routes", false, `{ingress: {enabled: true}, routes: {order: []}}`, []string{"routes are all empty"}},
		{"fewest above most", false, `{order: {autoscaling: {enabled: true, minReplicas: 9}}}`, []string{"order: autoscaling.minReplicas is 9, above maxReplicas, 6"}},
		{"too little time to stop", false, `{inventory: {drainSeconds: 30}}`, []string{"inventory: terminationGracePeriodSeconds is 60: expected drainSeconds and 35 more"}},
	} {
		t.Run(wrong.name, func(t *testing.T) {
			_, err := example{name: wrong.name, production: wrong.production, values: wrong.values}.render(nil)
			if err == nil {
				t.Fatal("installed")
			}
			for _, part := range wrong.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("does not say %q:\n%v", part, err)
				}
			}
		})
	}
}

// inCluster are the Secrets that production values refer to, each with a value of
// its own, in a namespace that exists.
func inCluster(t *testing.T) map[string]object {
	t.Helper()
	cluster := map[string]object{"ConfigMap " + namespace + "/kube-root-ca.crt": {"kind": "ConfigMap"}}
	for _, ref := range referred(rendered(t, examples[1]).objects) {
		name, key, _ := strings.Cut(ref, "/")
		at := "Secret " + namespace + "/" + name
		if cluster[at] == nil {
			cluster[at] = object{"kind": "Secret", "data": map[string]any{}}
		}
		put(cluster[at], key, "value of "+ref)
	}
	return cluster
}

func put(secret object, key, value string) {
	data, _ := secret["data"].(map[string]any)
	data[key] = base64.StdEncoding.EncodeToString([]byte(value))
}

func TestProduction_LooksForItsSecretsFirst(t *testing.T) {
	at := "Secret " + namespace + "/"
	for name, c := range map[string]struct {
		change func(cluster map[string]object)
		want   []string
	}{
		"as it should be": {func(map[string]object) {}, nil},
		"missing": {func(cluster map[string]object) {
			delete(cluster, at+"order-db")
			delete(cluster, at+"kafka-cluster-ca-cert")
		}, []string{
			"order.database.existingSecret: there is no Secret order-db in namespace " + namespace + ": expected one with the key password",
			"kafka.tls.ca.secret: there is no Secret kafka-cluster-ca-cert",
		}},
		"without a key": {func(cluster map[string]object) {
			delete(cluster[at+"schema-registry"]["data"].(map[string]any), "username")
		},
			[]string{"schemaRegistry.existingSecret: Secret schema-registry has no key username"}},
		"a developer's": {func(cluster map[string]object) {
			put(cluster[at+"inventory-db"], "password", "murmuration")
			put(cluster[at+"card-gateway"], "key", "sk_test_development")
		}, []string{
			"inventory.database.existingSecret: Secret inventory-db holds a password of development mode",
			"payment.gateway.existingSecret: Secret card-gateway holds a password of development mode",
		}},
		"in a namespace that is made now": {func(cluster map[string]object) { clear(cluster) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := inCluster(t)
			c.change(cluster)
			_, err := examples[1].render(cluster)
			if (err == nil) != (c.want == nil) {
				t.Fatalf("got %v", err)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("does not say %q:\n%v", part, err)
				}
			}
			if _, err := examples[1].with(`{checks: {secrets: false}}`).render(cluster); err != nil {
				t.Errorf("with the check turned off: %v", err)
			}
		})
	}
}
