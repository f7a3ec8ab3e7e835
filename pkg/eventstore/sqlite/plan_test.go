package sqlite

import (
	"database/sql/driver"
	"path/filepath"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// A statement that walks a table is fast in every other test.
func TestStatements_FindTheirRowsByIndex(t *testing.T) {
	s, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "a.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	for name, c := range map[string]struct{ sql, want string }{
		"load":            {selectStreams.sql[3], "SEARCH streams USING PRIMARY KEY (kind=? AND id=?)"},
		"delete rows":     {deleteOutbox.sql[3], "SEARCH outbox USING COVERING INDEX sqlite_autoindex_outbox_1 (kind=? AND id=? AND version=?)"},
		"finish intents":  {deleteIntents.sql[3], "SEARCH intents USING PRIMARY KEY (key=?)"},
		"unpark":          {deleteParked.sql[3], "SEARCH parked USING PRIMARY KEY (topic=? AND key=?)"},
		"claim intents":   {claimable(2), "SEARCH intents USING INDEX intents_claimable (kind=? AND <expr><?)"},
		"next due":        {nextDueSQL, "SEARCH intents USING INDEX intents_claimable (kind=?)"},
		"parked intents":  {listIntentsSQL[eventstore.IntentParked], "SEARCH intents USING INDEX intents_parked (key>?)"},
		"pending intents": {listIntentsSQL[eventstore.IntentPending], "SEARCH intents USING PRIMARY KEY (key>?)"},
		"expire answers":  {expireSQL, "SEARCH answers USING COVERING INDEX answers_expiry (expires_at<?)"},
		"pages of parked": {parkedSQL, "SEARCH parked USING PRIMARY KEY ((topic,key)>(?,?))"},
	} {
		var plan []string
		err := s.writer.conn.query("EXPLAIN QUERY PLAN "+c.sql, func(v []driver.Value) { plan = append(plan, text(v[3])) },
			make([]driver.Value, strings.Count(c.sql, "?")+strings.Count(c.sql, "$"))...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := strings.Join(plan, "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%s: want %q in\n%s", name, c.want, got)
		}
	}
}
