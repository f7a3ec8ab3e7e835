//go:build kubernetes

package kubernetes

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	// atRest is what the three services may use together when nobody buys.
	atRest = 150_000_000
	// glimpse is how long a state is looked at that lasts.
	glimpse = 10 * time.Second
)

// One platform, by the commands of the document, from nothing to nothing.
func TestPlatform_LivesByTheCommandsOfTheDocument(t *testing.T) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(tell(home))
		}
		dropNamespace(home)
	})
	steps := []struct {
		name string
		take func(*testing.T)
	}{
		{installing, install}, {"Memory at rest", restsInLittleMemory},
		{"Under Pod Security", func(t *testing.T) { bearsRestriction(t, home) }}, {checking, passesItsOwnTest}, {ordering, placeAnOrder}, {looking, lookIntoTopics},
		{"A day while everything happens", liveThroughADay}, {"Its own test again", passesItsOwnTest}, {removing, remove},
	}
	for _, step := range steps {
		if !t.Run(step.name, step.take) {
			return // nothing can be said of what comes after
		}
	}
}

// install is from nothing: the first platform of the cluster, with nothing else on
// the machine.
func install(t *testing.T) {
	began := time.Now()
	perform(t, installing)
	took := time.Since(began)
	t.Logf("from nothing to ready: %.1f s", took.Seconds())
	for _, service := range services {
		awaitPods(t, home, service, 1)
	}
}

func restsInLittleMemory(t *testing.T) {
	eventually(t, func() error {
		total, each := memory(t, home)
		if total == 0 || total > atRest {
			return fmt.Errorf("the services use %.1f MB: %s", float64(total)/1e6, each)
		}
		t.Logf("memory at rest: %.1f MB: %s", float64(total)/1e6, each)
		return nil
	})
}

func passesItsOwnTest(t *testing.T) {
	began := time.Now()
	expect(t, perform(t, checking), `(?i)succeeded`, `COMPLETED`, `audit: consistent`)
	t.Logf("helm test: %.1f s", time.Since(began).Seconds())
}

func placeAnOrder(t *testing.T) {
	out := perform(t, ordering, "ORDERS="+freePort(t), "STOCK="+freePort(t))
	expect(t, out, `"order_id":"mine".*"status":"COMPLETED"`)
}

func lookIntoTopics(t *testing.T) {
	expect(t, perform(t, looking),
		`ce_type:com\.murmuration\.order\.Placed,.*\tmine\n`, `ce_type:com\.murmuration\.order\.Confirmed,.*\tmine\n`, `ce_type:com\.murmuration\.order\.Completed,.*\tmine\n`)
}

// liveThroughADay lets everything happen to the pods that an operator, or a cluster,
// does to them, while orders of a real day come in.
func liveThroughADay(t *testing.T) {
	kafka := pods(t, home, "kafka")[0]
	hireKillers(t, kafka.Spec.Containers[0].Image)
	customers := gather(t)
	afterwards(t, "kubectl", in(home, "delete", "pod/customers", "networkpolicy/customers", "--wait=true")...)
	for _, what := range []struct {
		name    string
		happens func(*testing.T)
	}{
		{"nothing happens", func(t *testing.T) { pass(t, glimpse) }},
		{"upgrade", upgrade},
		{"kill -9", func(t *testing.T) {
			for _, service := range services {
				kill(t, home, service)
			}
		}},
		{"rollout restart", restart},
		{"scale to three", func(t *testing.T) { scale(t, 3) }},
		{"scale back to one", func(t *testing.T) { scale(t, 1) }},
		{"broker deleted", func(t *testing.T) { replace(t, "kafka") }},
		{"databases deleted", func(t *testing.T) { replace(t, "order-db", "payment-db", "inventory-db") }},
		{"roll back", rollBack},
		{"nothing happens any more", func(t *testing.T) { pass(t, glimpse) }},
	} {
		customers.during(t, what.name, what.happens)
		if t.Failed() {
			return
		}
	}
	phases, found := customers.leave(t)
	t.Logf("\n%s%s", table(phases), strings.Join(found.Figures, "\n"))
	for _, fault := range found.Wrong {
		t.Error(fault)
	}
	if want := len(schemaVersions(t)) + 1; len(found.Schemas) != want {
		t.Errorf("the registry has versions %v of the orders' schema, want %d of them", found.Schemas, want)
	}
	for _, p := range phases {
		if p.Failed > 0 || p.TurnedAway > 0 {
			t.Errorf("%s: %d requests were never answered, %d customers turned away", p.Name, p.Failed, p.TurnedAway)
		}
	}
}

// upgrade is to images whose order schema and whose databases have grown, built from
// a copy of the tree, and to other settings.
func upgrade(t *testing.T) {
	performIn(t, next, upgrading)
	runs(t, "next", "20m")
	databasesAreAt(t, migrated()+1)
}

// rollBack leaves the databases as they are: the version before runs on them.
func rollBack(t *testing.T) {
	perform(t, rollingBack)
	runs(t, "dev", "15m")
	databasesAreAt(t, migrated()+1)
}

func databasesAreAt(t *testing.T, version int) {
	t.Helper()
	const ask = `PGPASSWORD=$POSTGRES_PASSWORD psql -h 127.0.0.1 -U "$POSTGRES_USER" -Atc 'SELECT max(version_id) FROM store_schema' "$POSTGRES_DB"`
	for _, service := range services {
		database := pods(t, home, service+"-db")[0].Metadata.Name
		if is := strings.TrimSpace(must(t, "kubectl", in(home, "exec", database, "--", "sh", "-c", ask)...)); is != strconv.Itoa(version) {
			t.Errorf("the database of %s is at version %s, want %d", service, is, version)
		}
	}
}

// runs fails unless all pods, once those of before are gone, have a version and a
// setting.
func runs(t *testing.T, tag, deadline string) {
	t.Helper()
	if set := must(t, "kubectl", in(home, "get", "configmap", "murmuration-order", "--output=jsonpath={.data.ORDER_DEADLINE}")...); set != deadline {
		t.Errorf("the deadline is set to %s, want %s", set, deadline)
	}
	for _, service := range services {
		awaitPods(t, home, service, 1)
		for _, p := range pods(t, home, service) {
			if image := p.Spec.Containers[0].Image; !strings.HasSuffix(image, ":"+tag) {
				t.Errorf("%s runs %s, want tag %s", p.Metadata.Name, image, tag)
			}
		}
	}
}

// schemaVersions are those of the orders in the tree.
func schemaVersions(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(tree + "/schemas/orders/v*.avsc")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// deployments are the services', for kubectl.
func deployments() []string {
	var all []string
	for _, service := range services {
		all = append(all, "deployment/murmuration-"+service)
	}
	return all
}

func restart(t *testing.T) {
	must(t, "kubectl", in(home, append([]string{"rollout", "restart"}, deployments()...)...)...)
	for _, service := range services {
		must(t, "kubectl", in(home, "rollout", "status", "deployment/murmuration-"+service, "--timeout="+soon.String())...)
		awaitPods(t, home, service, 1)
	}
}

// scale lasts until pods that go are gone.
func scale(t *testing.T, n int) {
	must(t, "kubectl", in(home, append([]string{"scale", "--replicas=" + strconv.Itoa(n)}, deployments()...)...)...)
	for _, service := range services {
		awaitPods(t, home, service, n)
	}
	pass(t, glimpse)
}

// replace deletes the only pod of components, and waits for those that take its
// place.
func replace(t *testing.T, components ...string) {
	arguments := []string{"delete", "pod", "--wait=true"}
	for _, component := range components {
		arguments = append(arguments, pods(t, home, component)[0].Metadata.Name)
	}
	must(t, "kubectl", in(home, arguments...)...)
	for _, component := range components {
		awaitPods(t, home, component, 1)
	}
	pass(t, glimpse)
}

// remove leaves nothing: neither in the namespace nor the namespace.
func remove(t *testing.T) {
	perform(t, removing)
	leftNothing(t, home)
	perform(t, clearing)
	left := strings.Fields(must(t, "kubectl", "get", "namespaces", "--output", "name"))
	if slices.Contains(left, "namespace/"+home) {
		t.Errorf("the namespace is still there")
	}
}

// freePort is one of this machine on which nobody listens now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return port
}

// expect fails unless each of the expressions is found.
func expect(t *testing.T, out string, expressions ...string) {
	t.Helper()
	for _, e := range expressions {
		if !regexp.MustCompile(e).MatchString(out) {
			t.Errorf("nothing like %q is in\n%s", e, clip(out))
		}
	}
}
