//go:build kubernetes

package kubernetes

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// nobody answers here, and never will (RFC 2606).
const nobody = "kafka.nowhere.invalid:9092"

// What is wrong with values is said by helm install, before anything is made.
func TestMistake_IsRefusedAtInstall(t *testing.T) {
	makeNamespace(t, mistakes)
	for name, secret := range map[string]string{"order-db": "murmuration", "kafka-order": "its own"} {
		must(t, "kubectl", in(mistakes, "create", "secret", "generic", name, "--from-literal=password="+secret)...)
	}
	values := []string{"--values", chart + "/values-production.yaml"}
	for name, c := range map[string]struct {
		flags []string
		says  string
	}{
		"a misspelt value":                 {[]string{"--set", "order.replica=2"}, `(?s)order.*replica`},
		"a misspelt section":               {[]string{"--set", "ordr.replicas=2"}, `ordr`},
		"a value of another type":          {[]string{"--set", "order.replicas=many"}, `replicas`},
		"a Secret that is not there":       {values, `payment\.database\.existingSecret: there is no Secret payment-db in namespace murmuration-mistakes`},
		"a Secret without the key":         {append(values, "--set", "kafka.users.order.passwordKey=secret"), `kafka\.users\.order\.existingSecret: Secret kafka-order has no key secret`},
		"production with a demo password":  {values, `order\.database\.existingSecret: Secret order-db holds a password of development mode`},
		"production without TLS":           {append(values, "--set", "kafka.tls.enabled=false"), `kafka\.tls\.enabled is false in production`},
		"production without its addresses": {[]string{"--set", "mode=production"}, `kafka\.brokers is empty`},
		"a name that is too long":          {nil, `(?i)release name.*53`},
	} {
		t.Run(name, func(t *testing.T) {
			release := "mistaken"
			if c.flags == nil {
				release = longest + "r"
			}
			out, err := try(t, "helm", append(in(mistakes, "install", release, chart), c.flags...)...)
			if err == nil {
				t.Fatalf("is installed: %s", clip(out))
			}
			expect(t, err.Error(), c.says)
			leftNothingOf(t, mistakes, release)
		})
	}
}

// What only the cluster can find is said where a person looks, while nothing restarts
// in a loop.
func TestMistake_IsToldByThePods(t *testing.T) {
	makeNamespace(t, mistakes)
	// Nothing but the services and their Jobs: everything else is somewhere else.
	elsewhere := []string{
		"--set", "development.kafka.enabled=false,development.registry.enabled=false,development.gateway.enabled=false",
		"--set", "schemaRegistry.url=http://registry.nowhere.invalid:8081",
		"--set", "payment.gateway.url=http://gateway.nowhere.invalid,payment.gateway.existingSecret=card-gateway",
	}
	must(t, "kubectl", in(mistakes, "create", "secret", "generic", "card-gateway", "--from-literal=key=sk_test")...)
	t.Run("a broker that nobody is", func(t *testing.T) {
		installMistaken(t, append(elsewhere, "--set", "kafka.brokers={"+nobody+"}"))
		awaitWords(t, "topics", regexp.QuoteMeta(nobody))
		awaitWords(t, "order", `kafka\.nowhere\.invalid|registry\.nowhere\.invalid`)
		nothingLoops(t)
	})
	t.Run("a Secret that is not there", func(t *testing.T) {
		installMistaken(t, append(elsewhere, "--set", "kafka.brokers={"+nobody+"},payment.gateway.existingSecret=forgotten"))
		awaitWords(t, "payment", `secret "forgotten" not found`)
		nothingLoops(t)
	})
}

func installMistaken(t *testing.T, flags []string) {
	t.Helper()
	must(t, "helm", append(in(mistakes, "install", "mistaken", chart), flags...)...)
	afterwards(t, "helm", in(mistakes, "uninstall", "mistaken", "--wait")...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(tell(mistakes))
		}
	})
}

// awaitWords waits until the pods of a component say something, in their log or in
// kubectl describe.
func awaitWords(t *testing.T, component, words string) {
	t.Helper()
	selector := "--selector=app.kubernetes.io/component=" + component
	eventually(t, func() error {
		logs, _ := try(t, "kubectl", in(mistakes, "logs", selector, "--tail=50")...) // a container that does not run has none
		described := must(t, "kubectl", in(mistakes, "describe", "pods", selector)...)
		if !regexp.MustCompile(words).MatchString(logs + described) {
			return fmt.Errorf("%s says nothing like %q:\n%s\n%s", component, words, clip(logs), clip(described))
		}
		return nil
	})
}

// nothingLoops fails if a container was started again and again.
func nothingLoops(t *testing.T) {
	t.Helper()
	const few = 2 // a start before the database answers
	for _, service := range services {
		for _, p := range pods(t, mistakes, service) {
			for _, c := range p.Status.Containers {
				if c.RestartCount > few {
					t.Errorf("%s was restarted %d times", p.Metadata.Name, c.RestartCount)
				}
			}
		}
	}
}

// leftNothingOf fails if a release that was refused has left something.
func leftNothingOf(t *testing.T, namespace, release string) {
	t.Helper()
	if out := must(t, "helm", in(namespace, "list", "--all", "--short")...); strings.Contains(out, release) {
		t.Errorf("%s is a release although it was refused", release)
	}
}
