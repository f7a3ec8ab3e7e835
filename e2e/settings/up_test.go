//go:build e2e

package settings

import (
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// A platform that is given servers of somebody's own, as `murmur up` is.
func TestUp_SaysWhatTheDatabaseServerRefuses(t *testing.T) {
	t.Parallel()
	change(t, all.Postgres()+"/postgres", `CREATE ROLE guest LOGIN PASSWORD 'hush'`)
	for name, c := range map[string]struct{ user, says string }{
		"password":         {"postgres:hush", "password authentication failed"},
		"making databases": {"guest:hush", "database murmuration_order cannot be made"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := embedded.Open(embedded.Config{
				Data: filepath.Join(t.TempDir(), "data"), Logger: zap.NewNop(),
				External: embedded.External{Postgres: "postgres://" + c.user + "@" + all.PostgresAddress()},
			})
			if err != nil {
				t.Fatal(err)
			}
			err = p.Run(t.Context(), nil)
			if run.ExitCode(err) != exitConfig || !strings.Contains(err.Error(), "--postgres: ") || !strings.Contains(err.Error(), c.says) {
				t.Errorf("ends with %v, want exit code %d and %q", err, exitConfig, c.says)
			}
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Errorf("the password is shown: %v", err)
			}
		})
	}
}
