package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

func TestTopics_AreMissingThenAppliedThenFine(t *testing.T) {
	broker, _ := brokerOnly(t)
	out, errs, code := murmur(t, "topics", "verify", "--kafka", broker)
	if code != run.ExitConfig || out != "" {
		t.Errorf("exit code %d, %q", code, out)
	}
	for _, spec := range embedded.Topics() {
		contains(t, errs, spec.Name+": missing")
	}
	if out := succeed(t, "topics", "--kafka", broker); strings.Count(out, " missing ") != len(embedded.Topics()) {
		t.Errorf("lists\n%s", out)
	}
	out = succeed(t, "topics", "apply", "--replication-factor", "1", "--kafka", broker)
	if strings.Count(out, "created topic ") != len(embedded.Topics()) {
		t.Errorf("applied\n%s", out)
	}
	contains(t, succeed(t, "topics", "apply", "--kafka", broker), "nothing to do")
	contains(t, succeed(t, "topics", "verify", "--kafka", broker), "7 topics are as declared")
	out = succeed(t, "topics", "--kafka", broker)
	contains(t, out, "orders-value", "order id", "min.compaction.lag.ms=86400000", "inventory-positions")
	if strings.Count(out, " ok ") != len(embedded.Topics()) {
		t.Errorf("lists\n%s", out)
	}
}

func TestTopics_VerifyNamesEveryDifference(t *testing.T) {
	specs := embedded.Topics()
	specs[0].Partitions = 3
	specs[1].Configs["cleanup.policy"] = "delete"
	specs[1].Configs["delete.retention.ms"] = "1000"
	broker, _ := brokerOnly(t, specs[:6]...)
	partitions, policy := "orders: partitions: expected 6, found 3", "payments: cleanup.policy: expected compact, found delete"
	retention, missing := "payments: delete.retention.ms: expected 604800000, found 1000", "inventory-positions: missing"

	_, errs, code := murmur(t, "topics", "verify", "--kafka", broker)
	if code != run.ExitConfig {
		t.Errorf("exit code %d", code)
	}
	contains(t, errs, partitions, policy, retention, missing)
	contains(t, succeed(t, "topics", "--kafka", broker), partitions, policy, retention)

	out, _, code := murmur(t, "topics", "verify", "-o", "json", "--kafka", broker)
	var views []topicView
	if err := json.Unmarshal([]byte(out), &views); err != nil || code != run.ExitConfig || len(views) != 7 {
		t.Fatalf("exit code %d, %v:\n%s", code, err, out)
	}
	if views[0].State != topicDiffers || len(views[1].Differences) != 2 || views[2].State != topicOK || views[6].State != topicMissing {
		t.Errorf("views are %+v", views)
	}

	out, errs, code = murmur(t, "topics", "apply", "--kafka", broker)
	if code != run.ExitConfig {
		t.Errorf("apply: exit code %d: %s", code, errs)
	}
	contains(t, out, "created topic inventory-positions", `cleanup.policy changed from "delete" to "compact"`)
	contains(t, errs, "orders: partitions")
	_, errs, _ = murmur(t, "topics", "verify", "--kafka", broker)
	contains(t, errs, partitions)
	if strings.Contains(errs, "payments") || strings.Contains(errs, ": missing") {
		t.Errorf("apply left more than it must: %s", errs)
	}
}
