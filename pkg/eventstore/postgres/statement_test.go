package postgres_test

import (
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
)

// A statement that walks a table is fast in every other test, and its plan is
// kept when the table has grown.
func TestStatements_FindTheirRowsByIndexEvenInEmptyTables(t *testing.T) {
	url := newDatabase(t)
	s := openAt(t, url)
	t.Run("never counted", func(t *testing.T) { findTheirRowsByIndex(t, postgres.Plans(t, s)) })
	connect(t, url).exec(`VACUUM ANALYZE`)
	t.Run("found to be empty", func(t *testing.T) { findTheirRowsByIndex(t, postgres.Plans(t, s)) })
}

func findTheirRowsByIndex(t *testing.T, plans map[string]string) {
	t.Helper()
	for name, plan := range plans {
		for _, walk := range []string{"Seq Scan", "Hash Join", "Merge Join"} {
			if strings.Contains(plan, walk) {
				t.Errorf("%s has a %s:\n%s", name, walk, plan)
			}
		}
	}
	if want := "Index Cond: (key = ANY ($"; !strings.Contains(plans["claim"], want) {
		t.Errorf("claim: want %q in\n%s", want, plans["claim"])
	}
	for name, want := range map[string]string{
		"load":            "Index Scan using streams_pkey",
		"published":       "Index Cond: ((kind = u.k) AND (id = u.i) AND (version = u.v))",
		"published span":  "Index Cond: ((seq >= $9) AND (seq <= $10))",
		"pending":         "Index Scan using outbox_seq",
		"claim":           "Index Cond: ((kind = k.kind) AND (GREATEST(due, leased_until) <= $2))",
		"next due":        "using intents_claimable",
		"parked intents":  "using intents_parked",
		"pending intents": "Index Cond: (key > $1)",
		"expire answers":  "using answers_expiry",
		"parked":          "Index Cond: (ROW(topic, key) > ROW($1, $2))",
		"finish intents":  "Index Cond: (key = ANY ($1))",
	} {
		if !strings.Contains(plans[name], want) {
			t.Errorf("%s: want %q in\n%s", name, want, plans[name])
		}
	}
}
