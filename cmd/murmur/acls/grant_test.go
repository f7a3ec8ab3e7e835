package acls_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/cmd/murmur/acls"
	"github.com/murmuration-dev/murmuration/schemas"
)

// may reports whether a user is granted the operation.
func may(user, operation string, on acls.Resource, name string) bool {
	return slices.ContainsFunc(acls.Grants(nil), func(g acls.Grant) bool {
		return g.User == user && g.Resource == on && slices.Contains(g.Names, name) && slices.Contains(g.Operations, operation)
	})
}

// What the services declare has to agree with the catalogue that they share.
func TestGrants_OnlyTheOwnerWritesATopic(t *testing.T) {
	for _, topic := range schemas.Topics() {
		for _, user := range acls.Users() {
			if got := may(user, "Write", acls.Topic, topic.Name); got != (user == topic.Owner) {
				t.Errorf("%s writes %s, which is %s's: %v", user, topic.Name, topic.Owner, got)
			}
			if got := may(user, "Create", acls.Topic, topic.Name); got != (user == acls.TopicsUser) {
				t.Errorf("%s creates %s: %v", user, topic.Name, got)
			}
		}
		if !may(acls.ReaderUser, "Read", acls.Topic, topic.Name) {
			t.Errorf("nobody may look at %s", topic.Name)
		}
	}
}

func TestGrants_TransactionalIDsAndGroupsAreTheServicesOwn(t *testing.T) {
	owners := map[string]string{}
	for _, g := range acls.Grants(nil) {
		if g.Resource == acls.Topic {
			continue
		}
		for _, name := range g.Names {
			key := string(g.Resource) + " " + name
			if owners[key] != "" {
				t.Errorf("%s is %s's and %s's", key, owners[key], g.User)
			}
			owners[key] = g.User
		}
	}
	for _, service := range []string{schemas.OrderService, schemas.PaymentService, schemas.InventoryService} {
		for _, own := range []string{"transactional-id " + service + "-0", "transactional-id " + service + "-1", "group " + service} {
			if owners[own] != service {
				t.Errorf("%s belongs to %q", own, owners[own])
			}
		}
	}
	if len(owners) != 9 {
		t.Errorf("more than that: %v", owners)
	}
}

func TestGrants_UsePrincipalsOfTheCluster(t *testing.T) {
	for _, g := range acls.Grants(map[string]string{schemas.OrderService: "User:CN=order,O=Shop"}) {
		want := "User:" + g.User
		if g.User == schemas.OrderService {
			want = "User:CN=order,O=Shop"
		}
		if g.Principal != want {
			t.Errorf("%s is %s", g.User, g.Principal)
		}
	}
}

// A shell gives the tool the very words that were meant.
func TestCommand_SurvivesAShell(t *testing.T) {
	tool := acls.Tool{Brokers: "kafka-1:9092,kafka-2:9092", CommandConfig: "/etc/it's here/admin.properties"}
	line := tool.Command(acls.Grant{Principal: "User:CN=a b,O=$(rm)", Resource: acls.Topic, Names: []string{"x", "y"}, Operations: []string{"Read", "Write"}})
	out, err := exec.Command("sh", "-c", "printf '%s\\n' "+line).Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	want := []string{
		"kafka-acls.sh", "--bootstrap-server", "kafka-1:9092,kafka-2:9092", "--command-config", "/etc/it's here/admin.properties",
		"--add", "--allow-principal", "User:CN=a b,O=$(rm)", "--operation", "Read", "--operation", "Write", "--topic", "x", "--topic", "y",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestScript_HasEveryGrantUnderItsUser(t *testing.T) {
	grants := acls.Grants(nil)
	tool := acls.Tool{Brokers: "localhost:9092"}
	script := tool.Script(grants)
	for _, g := range grants {
		if strings.Count(script, tool.Command(g)+"\n") != 1 {
			t.Errorf("not once: %s", tool.Command(g))
		}
	}
	for _, user := range acls.Users() {
		if strings.Count(script, "# "+user+": ") != 1 {
			t.Errorf("no one heading for %s", user)
		}
	}
}
