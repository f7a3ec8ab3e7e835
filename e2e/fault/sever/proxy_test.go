package sever

import (
	"context"
	"errors"
	"net"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres/postgrestest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// front starts a server and a proxy before it, and returns the URL of each.
func front(t *testing.T) (p *Proxy, direct, through string) {
	t.Helper()
	server, err := postgrestest.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	if p, err = Start("127.0.0.1:0", u.Host); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	u.Host = p.Address()
	return p, server.URL(), u.String()
}

func connect(ctx context.Context, t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(ctx)) }) // often broken on purpose
	return c
}

// insert commits one row, its statements in one batch as a driver sends them.
func insert(ctx context.Context, c *pgx.Conn, n int) error {
	var b pgx.Batch
	b.Queue("BEGIN")
	b.Queue("INSERT INTO t VALUES ($1)", n)
	b.Queue("COMMIT")
	return c.SendBatch(ctx, &b).Close()
}

func TestProxy_BreaksConnectionsAroundCommitOnly(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p, direct, through := front(t)
	truth := connect(ctx, t, direct)
	if _, err := truth.Exec(ctx, "CREATE TABLE t (n INT PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	if err := insert(ctx, connect(ctx, t, through), -1); err != nil {
		t.Fatalf("not armed: %v", err)
	}
	p.Arm(1, 1)
	const commits = 40
	for n := range commits {
		c := connect(ctx, t, through)
		if _, err := c.Exec(ctx, "SELECT count(*) FROM t"); err != nil {
			t.Fatalf("a statement that commits nothing: %v", err)
		}
		if err := insert(ctx, c, n); err == nil {
			t.Errorf("commit %d is answered", n)
		}
	}
	before, after := p.Counts()
	var kept int64
	if err := truth.QueryRow(ctx, "SELECT count(*) FROM t WHERE n >= 0").Scan(&kept); err != nil {
		t.Fatal(err)
	}
	if before+after != commits || before == 0 || after == 0 || kept != after {
		t.Errorf("%d broken before and %d after COMMIT, %d rows kept", before, after, kept)
	}
	p.Disarm()
	if err := insert(ctx, connect(ctx, t, through), commits); err != nil {
		t.Errorf("disarmed: %v", err)
	}
}

func TestProxy_ResetsClientsOfAnAbsentServer(t *testing.T) {
	p, err := Start("127.0.0.1:0", "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", p.Address())
	if err == nil { // else it was reset even sooner
		if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read %d bytes: %v", n, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	} else if !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
