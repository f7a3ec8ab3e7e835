package chart

import (
	"fmt"
	"slices"
	"testing"

	"github.com/murmuration-dev/murmuration/cmd/murmur/acls"
	"github.com/murmuration-dev/murmuration/schemas"
)

func strimzi(t *testing.T) []object {
	t.Helper()
	x := called(t, "production with Strimzi")
	return rendered(t, x).objects
}

func TestStrimzi_DeclaresTheTopicsOfTheCatalogue(t *testing.T) {
	topics := ofKind(strimzi(t), "KafkaTopic")
	for _, want := range schemas.Topics() {
		i := slices.IndexFunc(topics, func(o object) bool { return text(o.spec("topicName")) == want.Name })
		if i < 0 {
			t.Errorf("no KafkaTopic for %s", want.Name)
			continue
		}
		got := topics[i]
		if text(got.spec("partitions")) != fmt.Sprint(want.Partitions) || text(got.spec("replicas")) != "3" || fmt.Sprint(texts(got.spec("config"))) != fmt.Sprint(want.Configs) {
			t.Errorf("%s is %v, want %+v", got, got["spec"], want)
		}
		if got.labels()["strimzi.io/cluster"] != "main" || text(at(got, "metadata", "namespace")) != "streams" || got.annotation("helm.sh/resource-policy") != "keep" {
			t.Errorf("%s: %v", got, got["metadata"])
		}
	}
	if len(topics) != len(schemas.Topics()) {
		t.Errorf("%d KafkaTopics", len(topics))
	}
}

// grant is one operation on one resource that a user is allowed.
type grant struct{ user, resource, name, operation string }

func TestStrimzi_GrantsWhatMurmurAclsSays(t *testing.T) {
	resources := map[acls.Resource]string{acls.Topic: "topic", acls.Group: "group", acls.TransactionalID: "transactionalId"}
	want := map[grant]bool{}
	for _, g := range acls.Grants(nil) {
		for _, name := range g.Names {
			for _, operation := range g.Operations {
				if g.User != acls.TopicsUser { // the Topic Operator declares them
					want[grant{g.User, resources[g.Resource], name, operation}] = true
				}
			}
		}
	}
	for _, u := range ofKind(strimzi(t), "KafkaUser") {
		if text(at(u, "spec", "authentication", "type")) != "scram-sha-512" || text(at(u, "spec", "authorization", "type")) != "simple" {
			t.Errorf("%s: %v", u, u["spec"])
		}
		for _, rule := range list(at(u, "spec", "authorization", "acls")) {
			if at(rule, "resource", "patternType") != "literal" || rule["host"] != nil || rule["type"] != nil {
				t.Errorf("%s: more than is needed: %v", u, rule)
			}
			operations, _ := rule["operations"].([]any)
			for _, operation := range operations {
				g := grant{u.name(), text(at(rule, "resource", "type")), text(at(rule, "resource", "name")), text(operation)}
				if !want[g] {
					t.Errorf("%+v is granted for nothing", g)
				}
				delete(want, g)
			}
		}
	}
	for g := range want {
		t.Errorf("%+v is not granted", g)
	}
}

func TestStrimzi_DeclaresTheUserOfOurJobToo(t *testing.T) {
	x := called(t, "production with Strimzi for users only")
	var users []string
	for _, u := range ofKind(rendered(t, x).objects, "KafkaUser") {
		users = append(users, u.name())
	}
	slices.Sort(users)
	all := acls.Users()
	slices.Sort(all)
	if !slices.Equal(users, all) {
		t.Errorf("users are %v, want %v", users, all)
	}
	if topics := ofKind(rendered(t, x).objects, "KafkaTopic"); len(topics) > 0 {
		t.Errorf("declares %v", topics)
	}
}
