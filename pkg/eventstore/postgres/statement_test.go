package postgres_test

import (
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
)

// A statement that walks a table is fast in every other test, and its plan is
// kept when the table has grown.
func TestStatements_FindTheirRowsByIndexEvenInEmptyTables(t *testing.T) {
	plans := postgres.Plans(t, openStore(t))
	for name, plan := range plans {
		for _, walk := range []string{"Seq Scan", "Hash Join", "Merge Join"} {
			if strings.Contains(plan, walk) {
				t.Errorf("%s has a %s:\n%s", name, walk, plan)
			}
		}
	}
	for name, want := range map[string]string{
		"load":            "Index Scan using streams_pkey",
		"published":       "Index Scan using outbox_pkey",
		"pending":         "Index Scan using outbox_seq",
		"claim":           "Index Cond: ((kind = k.kind) AND (GREATEST(due, leased_until) <= $2))",
		"next due":        "using intents_claimable",
		"parked intents":  "using intents_parked",
		"pending intents": "Index Cond: (key > $1)",
		"expire answers":  "using answers_expiry",
		"parked":          "Index Cond: (ROW(topic, key) > ROW($1, $2))",
		"finish intents":  "Index Cond: (key = (u.k)::text)",
	} {
		if !strings.Contains(plans[name], want) {
			t.Errorf("%s: want %q in\n%s", name, want, plans[name])
		}
	}
}
