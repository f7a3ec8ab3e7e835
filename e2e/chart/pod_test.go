package chart

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// unprivileged is what restricted Pod Security asks of a container, and a read-only
// root.
var unprivileged = map[string]string{
	"allowPrivilegeEscalation": "false", "readOnlyRootFilesystem": "true", "runAsNonRoot": "true", "capabilities": "map[drop:[ALL]]",
}

// volumes are the kinds that restricted Pod Security lets pods have, and that we use.
var volumes = []string{"configMap", "emptyDir", "secret"}

func TestPods_AreRestricted(t *testing.T) {
	each(t, func(t *testing.T, _ example, all []object) {
		if len(pods(all)) < 3 {
			t.Fatalf("only %d pods", len(pods(all)))
		}
		for _, p := range pods(all) {
			for key, want := range map[string]any{
				"automountServiceAccountToken": false, "enableServiceLinks": false,
				"hostNetwork": nil, "hostPID": nil, "hostIPC": nil, "hostUsers": nil,
			} {
				if got := p.spec[key]; got != want {
					t.Errorf("%s: %s is %v, want %v", p, key, got, want)
				}
			}
			context := at(p.spec, "securityContext")
			if text(at(context, "runAsNonRoot")) != "true" || text(at(context, "seccompProfile", "type")) != "RuntimeDefault" || text(at(context, "runAsUser")) == "0" {
				t.Errorf("%s: security context %v", p, context)
			}
			for _, v := range list(p.spec["volumes"]) {
				for key := range v {
					if key != "name" && !slices.Contains(volumes, key) {
						t.Errorf("%s: volume of kind %s", p, key)
					}
				}
			}
			for _, c := range p.containers() {
				for key, want := range unprivileged {
					if got := text(at(c, "securityContext", key)); got != want {
						t.Errorf("%s: %s is %s, want %s", p, key, got, want)
					}
				}
			}
		}
	})
}

func TestPods_SayWhatTheyNeedAndWhyTheyEnd(t *testing.T) {
	each(t, func(t *testing.T, _ example, all []object) {
		for _, p := range pods(all) {
			for _, c := range p.containers() {
				for _, amount := range []string{"cpu", "memory", "ephemeral-storage"} {
					if at(c, "resources", "requests", amount) == nil || at(c, "resources", "limits", amount) == nil {
						t.Errorf("%s: no request or no limit for %s", p, amount)
					}
				}
				if got := c["terminationMessagePolicy"]; got != "FallbackToLogsOnError" {
					t.Errorf("%s: kubectl describe does not tell why it ended: %v", p, got)
				}
				_, tag, tagged := strings.Cut(text(c["image"]), ":")
				if !tagged || tag == "" || strings.HasPrefix(tag, "latest") {
					t.Errorf("%s: image %v", p, c["image"])
				}
			}
		}
	})
}

func TestPods_MountWhatThereIs(t *testing.T) {
	each(t, func(t *testing.T, _ example, all []object) {
		for _, p := range pods(all) {
			var have, mounted []string
			for _, v := range list(p.spec["volumes"]) {
				have = append(have, text(v["name"]))
			}
			for _, v := range list(at(p.of, "spec", "volumeClaimTemplates")) {
				have = append(have, text(at(v, "metadata", "name")))
			}
			for _, c := range p.containers() {
				for _, m := range list(c["volumeMounts"]) {
					mounted = append(mounted, text(m["name"]))
				}
			}
			slices.Sort(have)
			slices.Sort(mounted)
			if mounted = slices.Compact(mounted); !slices.Equal(have, mounted) {
				t.Errorf("%s mounts %v of %v", p, mounted, have)
			}
		}
	})
}

// serving are the Deployments of the services.
func serving(t *testing.T, all []object) []object {
	t.Helper()
	deployments := ofKind(all, "Deployment")
	if len(deployments) != len(services) {
		t.Fatalf("%d Deployments", len(deployments))
	}
	return deployments
}

var services = []string{"order", "payment", "inventory"}

func TestServices_RollWithoutLosingRequests(t *testing.T) {
	each(t, func(t *testing.T, _ example, all []object) {
		for _, d := range serving(t, all) {
			if got := text(at(d, "spec", "strategy", "rollingUpdate", "maxUnavailable")); got != "0" {
				t.Errorf("%s: maxUnavailable is %s", d, got)
			}
			p := pods([]object{d})[0]
			c := p.containers()[0]
			for probe, path := range map[string]string{"readinessProbe": "/readyz", "livenessProbe": "/livez"} {
				if at(c, probe, "httpGet", "path") != path || at(c, probe, "httpGet", "port") != "ops" {
					t.Errorf("%s: %s is %v", d, probe, c[probe])
				}
			}
			var drain int
			if _, err := fmt.Sscanf(environment(all, c)["DRAIN_DELAY"], "%ds", &drain); err != nil {
				t.Errorf("%s: DRAIN_DELAY: %v", d, err)
			}
			// The longest a request may take, and what stops after requests.
			if grace, _ := p.spec["terminationGracePeriodSeconds"].(float64); grace < float64(drain+35) {
				t.Errorf("%s: %v s to stop, with a drain of %d s", d, grace, drain)
			}
		}
	})
}

func TestServices_OfOneDevelopmentReleaseHaveTheirOwnAccounts(t *testing.T) {
	var accounts []string
	for _, p := range pods(serving(t, rendered(t, examples[0]).objects)) {
		accounts = append(accounts, text(p.spec["serviceAccountName"]))
	}
	slices.Sort(accounts)
	if !slices.Equal(accounts, []string{"shop-murmuration-inventory", "shop-murmuration-order", "shop-murmuration-payment"}) {
		t.Errorf("accounts are %v", accounts)
	}
}

// Other settings are other pods; what is not theirs leaves pods alone.
func TestServices_RollWhenTheirSettingsChange(t *testing.T) {
	template := func(x example) map[string]string {
		out := map[string]string{}
		for _, d := range serving(t, rendered(t, x).objects) {
			out[d.name()] = text(at(d, "spec", "template"))
		}
		return out
	}
	for _, x := range examples[:2] {
		before := template(x)
		for name, same := range template(x.with(`{jobs: {retries: 3}, commonLabels: {}, networkPolicy: {enabled: false}}`)) {
			if same != before[name] {
				t.Errorf("%s: %s rolls for nothing", x.name, name)
			}
		}
		for _, change := range []string{`{log: {level: debug}}`, `{services: {env: {TRACE_RATIO: "1"}}}`, `{image: {tag: other}}`} {
			for name, after := range template(x.with(change)) {
				if after == before[name] {
					t.Errorf("%s: %s does not roll at %s", x.name, name, change)
				}
			}
		}
	}
	before, after := template(examples[0]), template(examples[0].with(`{development: {postgresql: {password: other}}}`))
	if before["shop-murmuration-order"] == after["shop-murmuration-order"] {
		t.Error("a new password does not roll the service that uses it")
	}
}
