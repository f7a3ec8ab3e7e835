package chart

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// referred are the Secrets that pods refer to, as "NAME/KEY".
func referred(all []object) []string {
	found := map[string]bool{}
	for _, p := range pods(all) {
		for _, c := range p.containers() {
			for _, value := range environment(all, c) {
				if name, ok := strings.CutPrefix(value, "secret "); ok {
					found[name] = true
				}
			}
		}
		for _, v := range list(p.spec["volumes"]) {
			for _, item := range list(at(v, "secret", "items")) {
				found[text(at(v, "secret", "secretName"))+"/"+text(item["key"])] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func TestProduction_TakesCredentialsFromSecretsThatExist(t *testing.T) {
	each(t, func(t *testing.T, x example, all []object) {
		if !x.production {
			return
		}
		if made := ofKind(all, "Secret"); len(made) > 0 {
			t.Errorf("makes %v", made)
		}
		for _, o := range all {
			for _, word := range []string{"sk_test", "sslmode=disable", "PLAINTEXT"} {
				if strings.Contains(text(map[string]any(o)), word) {
					t.Errorf("%s has %q", o, word)
				}
			}
		}
		for _, p := range pods(all) {
			for _, c := range p.containers() {
				for name, value := range environment(all, c) {
					if secret(name) && !strings.HasPrefix(value, "secret ") {
						t.Errorf("%s: %s is in plain text", p, name)
					}
					if u, err := url.Parse(value); err == nil && u.User != nil {
						if _, has := u.User.Password(); has {
							t.Errorf("%s: %s has a password", p, name)
						}
					}
				}
			}
		}
	})
}

// secret tells whether a variable must not be read by everybody.
func secret(name string) bool {
	return strings.HasSuffix(name, "PASSWORD") || strings.HasSuffix(name, "_KEY")
}

func TestProduction_HasNothingOfDevelopment(t *testing.T) {
	each(t, func(t *testing.T, x example, all []object) {
		if !x.production {
			return
		}
		if made := ofKind(all, "StatefulSet"); len(made) > 0 {
			t.Errorf("makes %v", made)
		}
		for _, p := range pods(all) {
			for _, c := range p.containers() {
				if strings.Contains(text(c["image"]), "gatewaysim") {
					t.Errorf("%s simulates the gateway", p)
				}
				if user, set := environment(all, c)["KAFKA_USERNAME"]; p.of.kind() == "Deployment" && (!set || user != p.component()) {
					t.Errorf("%s is %q at the brokers", p, user)
				}
			}
		}
	})
}

func TestDevelopment_HasTheSecretsThatItRefersTo(t *testing.T) {
	all := rendered(t, examples[0]).objects
	have := map[string]bool{}
	for _, s := range ofKind(all, "Secret") {
		for key := range texts(s["stringData"]) {
			have[s.name()+"/"+key] = true
		}
	}
	for _, r := range referred(all) {
		if !have[r] {
			t.Errorf("there is no %s", r)
		}
		delete(have, r)
	}
	if len(have) > 0 {
		t.Errorf("nobody uses %v", have)
	}
}

// A service has no credentials of another's, nor of who migrates and declares.
func TestProduction_GivesEachPodItsOwnCredentialsOnly(t *testing.T) {
	want := map[string][]string{
		"order":             {"kafka-order/password", "order-db/password"},
		"payment":           {"card-gateway/key", "kafka-payment/password", "payment-db/password"},
		"inventory":         {"inventory-db/password", "kafka-inventory/password"},
		"order-migrate":     {"order-db-owner/password"},
		"payment-migrate":   {"payment-db-owner/password"},
		"inventory-migrate": {"inventory-db-owner/password"},
		"topics":            {"kafka-topics/password"},
		"test":              {"kafka-reader/password"},
	}
	common := []string{"kafka-cluster-ca-cert/ca.crt", "schema-registry/password", "schema-registry/username"}
	for _, p := range pods(rendered(t, examples[1]).objects) {
		got := slices.DeleteFunc(referred([]object{p.of}), func(s string) bool { return slices.Contains(common, s) })
		// Settings of a Deployment come from a ConfigMap, and no Secret does.
		if !slices.Equal(got, want[p.component()]) {
			t.Errorf("%s has %v, want %v", p, got, want[p.component()])
		}
	}
}
