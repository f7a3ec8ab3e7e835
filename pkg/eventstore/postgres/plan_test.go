package postgres

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// Plans returns the store's statements with the plans that its sessions use.
func Plans(t *testing.T, s *Store) map[string]string {
	t.Helper()
	ctx := t.Context()
	conn, err := s.units.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	plans := make(map[string]string)
	for name, sql := range map[string]string{
		"lock": lockSQL, "load": loadSQL, "answer": answerSQL, "write streams": streamsSQL, "empty stubs": emptyStubsSQL,
		"finish intents": finishIntentsSQL, "unpark": unparkSQL, "park": parkSQL, "move": moveSQL,
		"pending": pendingSQL, "published": publishedSQL, "published span": spanSQL, "claim": claimSQL, "next due": nextDueSQL,
		"pending intents": listIntentsSQL[eventstore.IntentPending], "parked intents": listIntentsSQL[eventstore.IntentParked],
		"parked": parkedSQL, "expire answers": expireSQL,
	} {
		described, err := conn.Conn().Prepare(ctx, "", sql)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		run := func(sql string) []string {
			rows, err := conn.Query(ctx, sql, pgx.QueryExecModeExec)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return lines
		}
		run(`PREPARE planned AS ` + sql)
		arguments := ""
		if n := len(described.ParamOIDs); n > 0 {
			arguments = "(NULL" + strings.Repeat(",NULL", n-1) + ")"
		}
		plans[name] = strings.Join(run(fmt.Sprintf(`EXPLAIN EXECUTE planned %s`, arguments)), "\n")
		run(`DEALLOCATE planned`)
	}
	return plans
}
