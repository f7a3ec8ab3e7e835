package participant

import (
	"strings"
	"testing"
)

func TestParseDatabaseURL_KnowsBothDatabases(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string][2]string{
		"sqlite:///var/lib/order.db":                   {schemeSQLite, "/var/lib/order.db"},
		"postgres://ada@host/order?search_path=orders": {schemePostgres, "postgres://ada@host/order?search_path=orders"},
		"postgresql://ada@host:5433/order":             {schemePostgres, "postgresql://ada@host:5433/order"},
	} {
		scheme, target, err := parseDatabaseURL(raw)
		if err != nil || scheme != want[0] || target != want[1] {
			t.Errorf("%s: got %s, %s, %v, want %v", raw, scheme, target, err, want)
		}
	}
}

func TestParseDatabaseURL_ShowsNoPassword(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"postgres://ada:secret@host:99999999/order", "postgres://ada:secret@host/order?sslmode=perhaps",
		"postgres://ada:se cret@host/order", "postgres://ada:secret%zz@host/order", "mysql://ada:secret@host/order",
	} {
		_, _, err := parseDatabaseURL(raw)
		if err == nil || strings.Contains(err.Error(), "cret") {
			t.Errorf("%s: got %v, want an error without the password", raw, err)
		}
	}
}
