//go:build kubernetes

package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/e2e/authority"
)

// The users at the brokers, and the roles at the database server.
var (
	users = []string{"order", "payment", "inventory", "topics", "reader"}
	roles = []string{"order", "payment", "inventory"}
)

// The commands of the document for production, next to servers that ask for TLS, for
// users with the least rights, and for roles that own nothing; where Pod Security is
// restricted.
func TestProduction_InstallsBesideServersThatTrustNobody(t *testing.T) {
	secrets := t.TempDir()
	serve(t, secrets)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(tell(production), tell(servers))
		}
		dropNamespace(production)
	})
	values, err := filepath.Abs("testdata/production.yaml")
	if err != nil {
		t.Fatal(err)
	}
	perform(t, makingSecrets, "SECRETS="+secrets)
	must(t, "kubectl", append([]string{"label", "namespace", production, mine}, restricted...)...)
	out := perform(t, installingForReal, "VALUES="+values)
	expect(t, out, `COMPLETED`, `audit: consistent`)
	for _, service := range services {
		awaitPods(t, production, service, 2)
	}
	again := must(t, "helm", in(production, "upgrade", "murmuration", chart, "--values", values, "--set", "log.level=debug", "--wait", "--timeout=5m")...)
	expect(t, again, `STATUS: deployed`)
	must(t, "helm", in(production, "test", "murmuration")...)
	must(t, "helm", in(production, "uninstall", "murmuration", "--wait")...)
	given := len(users) + 2*len(roles) + len([]string{"card-gateway", "kafka-ca", "database-ca"})
	eventually(t, func() error { // its pods drain
		left := strings.Fields(must(t, "kubectl", in(production, "get", "all,secrets,configmaps,networkpolicies", "--output=name")...))
		if len(left) != given+len([]string{"kube-root-ca.crt"}) {
			return fmt.Errorf("uninstalled are not the release and nothing else, since these are left: %q", left)
		}
		return nil
	})
}

// serve runs the servers, and leaves what their clients need as files in a folder.
func serve(t *testing.T, secrets string) {
	t.Helper()
	makeNamespace(t, servers)
	signs, err := authority.New()
	if err != nil {
		t.Fatal(err)
	}
	certificates := t.TempDir()
	for _, server := range []string{"kafka", "postgres"} {
		text, err := signs.Issue(server + "." + servers + ".svc")
		if err != nil {
			t.Fatal(err)
		}
		write(t, certificates, server, string(text))
	}
	must(t, "kubectl", in(servers, "create", "secret", "generic", "tls", "--from-file="+certificates)...)
	manifest, err := os.ReadFile("testdata/servers.yaml")
	if err != nil {
		t.Fatal(err)
	}
	mustFeed(t, officialImages(t).Replace(string(manifest)), "kubectl", in(servers, "apply", "--filename", "-")...)
	must(t, "kubectl", in(servers, "wait", "pod", "--all", "--for=condition=Ready", "--timeout="+soon.String())...)
	write(t, secrets, "kafka-ca.crt", string(signs.PEM()))
	write(t, secrets, "database-ca.crt", string(signs.PEM()))
	write(t, secrets, "card-gateway", "of the gateway")
	makeUsers(t, secrets)
	makeRoles(t, secrets)
}

// makeUsers gives each its password, and the rights that murmur prints.
func makeUsers(t *testing.T, secrets string) {
	t.Helper()
	var script strings.Builder
	script.WriteString("set -eu\nPATH=$PATH:/opt/kafka/bin\nall() { for job in $(jobs -p); do wait \"$job\"; done; }\n")
	for _, user := range users {
		write(t, secrets, "kafka-"+user, "broker-password-of-"+user)
		fmt.Fprintf(&script, "kafka-configs.sh --bootstrap-server localhost:9094 --alter --entity-type users --entity-name %s --add-config 'SCRAM-SHA-512=[password=broker-password-of-%s]' &\n", user, user)
	}
	script.WriteString("all\n")
	const atOnce = 4 // each is a Java of its own
	given := 0
	rights := must(t, "docker", "run", "--rm", "murmuration/murmur:next", "acls", "--kafka", "localhost:9094")
	for line := range strings.Lines(rights) {
		if strings.HasPrefix(line, "kafka-acls.sh") {
			script.WriteString(strings.TrimSpace(line) + " &\n")
			if given++; given%atOnce == 0 {
				script.WriteString("all\n")
			}
		}
	}
	script.WriteString("all\n")
	must(t, "kubectl", in(servers, "exec", "kafka", "--", "bash", "-c", script.String())...)
}

// makeRoles gives each service a database, a role that owns it and one that does not.
func makeRoles(t *testing.T, secrets string) {
	t.Helper()
	var script strings.Builder
	for _, role := range roles {
		for _, name := range []string{role, role + "_owner"} {
			fmt.Fprintf(&script, "CREATE ROLE %q LOGIN PASSWORD 'database-password-of-%s';\n", name, name)
		}
		fmt.Fprintf(&script, "CREATE DATABASE %q OWNER %s_owner;\n", role, role)
		write(t, secrets, role+"-db", "database-password-of-"+role)
		write(t, secrets, role+"-db-owner", "database-password-of-"+role+"_owner")
	}
	mustFeed(t, script.String(), "kubectl", in(servers, "exec", "--stdin", "postgres", "--", "psql", "--username=postgres", "--set=ON_ERROR_STOP=1")...)
}

func write(t *testing.T, folder, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
