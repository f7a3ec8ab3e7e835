package participant

import (
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres/postgrestest"
)

// silentServer takes connections and says nothing.
func silentServer(t *testing.T) string {
	t.Helper()
	l := listen(t)
	held := make(chan net.Conn, 1000) // more than a test makes
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			held <- conn
		}
	}()
	t.Cleanup(func() {
		check(t, l.Close())
		<-ended
		close(held)
		for conn := range held {
			_ = conn.Close() // the other side may have closed it
		}
	})
	return l.Addr().String()
}

func TestRun_ReadinessFollowsItsOwnDatabaseAlone(t *testing.T) {
	t.Parallel()
	server, err := postgrestest.StartOwn(t.Context())
	if errors.Is(err, postgrestest.ErrNoServer) && os.Getenv("CI") == "" {
		t.Log("not proved:", err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { check(t, server.Stop()) })
	s := newSurroundings(t)
	s.settings.DatabaseURL = server.URL()
	s.settings.KafkaBrokers = []string{silentServer(t)}
	p := s.start(testSpec(nil))
	p.waitReady()
	s.registryAway.Store(true)
	is := func(want int, texts ...string) {
		t.Helper()
		eventually(t, texts[0], func() bool {
			code, body := p.readiness()
			for _, text := range texts {
				if !strings.Contains(body, text) {
					return false
				}
			}
			return code == want
		})
		if code, _ := call(t, "GET", p.ops+"/livez", ""); code != http.StatusOK {
			t.Error("not alive, though a restart would mend nothing")
		}
	}
	is(http.StatusOK, `"degraded"`, `"kafka","required":false,"ok":false`)
	check(t, server.Kill())
	is(http.StatusServiceUnavailable, `"unready"`, `"database","required":true,"ok":false`)
	check(t, server.Restart(t.Context()))
	is(http.StatusOK, `"degraded"`)
	check(t, server.Exec(t.Context(), `UPDATE store_schema SET version_id = 0`)) // as a program sees it that needs more
	is(http.StatusServiceUnavailable, `"unready"`, "not migrated yet")
	check(t, server.Exec(t.Context(), `UPDATE store_schema SET version_id = 1 WHERE id = (SELECT max(id) FROM store_schema)`))
	is(http.StatusOK, `"degraded"`)
}
