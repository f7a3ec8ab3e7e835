package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
)

// Backup copies the running server as it is now. The copy does not run: Restart
// makes of it a server of its own, which knows nothing of what happened since, as
// one that was restored from a backup. Stop must be called.
func (s *Server) Backup(ctx context.Context) (*Server, error) { return s.copy(ctx, "") }

// Standby starts a server that follows this one, under the name that
// synchronous_standby_names can hold. Stop must be called.
func (s *Server) Standby(ctx context.Context, name string) (*Server, error) {
	standby, err := s.copy(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := standby.Restart(ctx); err != nil {
		return nil, errors.Join(err, standby.Stop())
	}
	return standby, nil
}

// copy makes a base backup, and one that will follow this server if it gets a
// name.
func (s *Server) copy(ctx context.Context, name string) (*Server, error) {
	if !s.Own() {
		return nil, fmt.Errorf("copy PostgreSQL: %s names a server that is not this test's", URLVariable)
	}
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	other, err := place(s.bin)
	if err != nil {
		return nil, err
	}
	source := fmt.Sprintf("host=127.0.0.1 port=%d user=%s", s.port, superuser)
	args := []string{"-D", other.data(), "-X", "stream", "-c", "fast", "--no-sync"}
	if name != "" {
		source += " application_name=" + name
		args = append(args, "-R")
	}
	backup := exec.CommandContext(ctx, filepath.Join(s.bin, "pg_basebackup"), append(args, "-d", source)...)
	backup.Dir = other.dir
	unprivileged(backup)
	if out, err := backup.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("pg_basebackup: %w: %s", err, out), other.Stop())
	}
	return other, nil
}

// Synchronize makes commits wait until the standby of a name has flushed them,
// and returns when it follows; an empty name makes none wait.
func (s *Server) Synchronize(ctx context.Context, name string) error {
	if err := s.configure(ctx, "synchronous_standby_names", name); err != nil || name == "" {
		return err
	}
	return s.until(ctx, `SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = $1 AND sync_state = 'sync'`, name)
}

// Detach makes a standby receive nothing any more, as a broken network would.
func (s *Server) Detach(ctx context.Context) error {
	if err := s.configure(ctx, "primary_conninfo", ""); err != nil {
		return err
	}
	return s.until(ctx, `SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)`)
}

// Promote makes a standby a server that can be written to, and returns when it is.
func (s *Server) Promote(ctx context.Context) error {
	return s.Exec(ctx, `SELECT pg_promote(true, $1)`, int(startPatience.Seconds()))
}

// Crash ends every process of the server with SIGKILL, and returns when they have
// ended. Restart brings it back.
func (s *Server) Crash() error {
	s.mu.Lock()
	p := s.process
	s.process = nil
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	return p.crash()
}

// Pair is the URL of whichever of two servers can be written to.
func Pair(a, b *Server) (string, error) {
	u, err := url.Parse(a.url)
	if err != nil {
		return "", err
	}
	u.Host = net.JoinHostPort("127.0.0.1", fmt.Sprint(a.port)) + "," + net.JoinHostPort("127.0.0.1", fmt.Sprint(b.port))
	q := u.Query()
	q.Set("target_session_attrs", "read-write")
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func (s *Server) configure(ctx context.Context, name, value string) error {
	if err := s.Exec(ctx, fmt.Sprintf(`ALTER SYSTEM SET %s = '%s'`, name, value)); err != nil {
		return err
	}
	return s.Exec(ctx, `SELECT pg_reload_conf()`)
}

// until polls a condition.
func (s *Server) until(ctx context.Context, condition string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }() // nothing depends on how it ends
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		var ok bool
		if err := conn.QueryRow(ctx, condition, args...).Scan(&ok); err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", condition, ctx.Err())
		case <-tick.C:
		}
	}
}
