// Package postgrestest starts a PostgreSQL server of its own for tests, from
// the binaries that are installed on the machine. Where POSTGRES_URL is set, it
// uses that server instead.
//
// It is durable (fsync on) and small, listens on a free port of the loopback
// interface and on a socket in its own folder, and is gone, with its data, when
// Stop returns. It is not for production.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// URLVariable names the environment variable with the server to use.
	URLVariable = "POSTGRES_URL"
	// startPatience is for initdb and the first start on a busy machine.
	startPatience = 2 * time.Minute
	// stopPatience is how long a server may take to shut down.
	stopPatience = 30 * time.Second
	// pollEvery is how often it is tried whether the server answers.
	pollEvery = 20 * time.Millisecond
	superuser = "murmuration"
	// connections is enough for the stores of one test beside each other.
	connections = 150
)

// ErrNoServer says that there is neither POSTGRES_URL nor an installed server.
var ErrNoServer = errors.New("no PostgreSQL: install the server's binaries (Debian: postgresql), or set " + URLVariable)

// settings keep the server small, and as durable as in production.
var settings = []string{
	"fsync=on", "shared_buffers=64MB", "max_connections=" + fmt.Sprint(connections), "max_wal_size=256MB",
	"autovacuum_naptime=5s", "log_min_messages=fatal", "max_prepared_transactions=2",
}

// Server is a running PostgreSQL.
type Server struct {
	url  string
	dir  string // empty for a server that was there before
	bin  string
	port int

	mu      sync.Mutex
	process *process
}

// Start returns a server that answers. Stop must be called.
func Start(ctx context.Context) (*Server, error) {
	if u := os.Getenv(URLVariable); u != "" {
		return &Server{url: u}, nil
	}
	return StartOwn(ctx)
}

// StartOwn is Start for a test that kills, copies or reconfigures its server: it
// never uses one that was there before.
func StartOwn(ctx context.Context) (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	s, err := place(bin)
	if err != nil {
		return nil, err
	}
	if err := s.create(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL from %s: %w", bin, err), s.Stop())
	}
	return s, nil
}

// place gives a server a folder and an address.
func place(bin string) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "murmuration-postgres-")
	if err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Host: fmt.Sprintf("127.0.0.1:%d", port), Path: "/postgres",
		RawQuery: "sslmode=disable"}
	s := &Server{dir: dir, bin: bin, port: port, url: u.String()}
	if err := give(dir); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) create(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	init := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"), "-D", s.data(), "-U", superuser,
		"--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	init.Dir = s.dir
	unprivileged(init)
	if out, err := init.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return s.Restart(ctx)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// URL is that of a superuser in the database that is always there.
func (s *Server) URL() string { return s.url }

// Own tells that the server was started here, and so may be stopped, killed and
// reconfigured.
func (s *Server) Own() bool { return s.dir != "" }

// Restart starts the server, after Kill, and returns when it answers.
func (s *Server) Restart(ctx context.Context) error {
	args := []string{"-D", s.data(), "-k", s.dir, "-c", "listen_addresses=127.0.0.1", "-c", fmt.Sprintf("port=%d", s.port)}
	for _, set := range settings {
		args = append(args, "-c", set)
	}
	p, err := startProcess(filepath.Join(s.bin, "postgres"), s.dir, args)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.process = p
	s.mu.Unlock()
	return s.answers(ctx, p)
}

func (s *Server) answers(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.url)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-p.ended:
			return fmt.Errorf("the server ended: %w: %s", p.err, p.output.String())
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w: %s", err, p.output.String())
		case <-tick.C:
		}
	}
}

// Kill ends every process of the server at once, as a crash of the machine
// would but for what the operating system had not written yet.
func (s *Server) Kill() error { return s.signal(immediate) }

// Stop ends the server and removes its data. Stopping twice is allowed.
func (s *Server) Stop() error {
	if !s.Own() {
		return nil
	}
	return errors.Join(s.signal(fast), os.RemoveAll(s.dir))
}

func (s *Server) signal(how os.Signal) error {
	s.mu.Lock()
	p := s.process
	s.process = nil
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	return p.stop(how)
}

// Schema makes an empty schema and returns the URL of a superuser in it, and a
// function that drops it.
func (s *Server) Schema(ctx context.Context, name string) (u string, drop func(context.Context) error, err error) {
	quoted := pgx.Identifier{name}.Sanitize()
	if err := s.Exec(ctx, `CREATE SCHEMA `+quoted); err != nil {
		return "", nil, err
	}
	parsed, err := url.Parse(s.url)
	if err != nil {
		return "", nil, err
	}
	q := parsed.Query()
	q.Set("search_path", quoted)
	parsed.RawQuery = q.Encode()
	return parsed.String(), func(ctx context.Context) error { return s.Exec(ctx, `DROP SCHEMA `+quoted+` CASCADE`) }, nil
}

// Exec runs one statement as the superuser.
func (s *Server) Exec(ctx context.Context, sql string, args ...any) error {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql, args...)
	return errors.Join(err, conn.Close(ctx))
}

// binaries finds the folder with initdb and postgres: that of pg_config, of the
// path, or of the newest version where distributions put them.
func binaries() (string, error) {
	var folders []string
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(out)))
	}
	if p, err := exec.LookPath("initdb"); err == nil {
		folders = append(folders, filepath.Dir(p))
	}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin"} {
		found, _ := filepath.Glob(pattern) // only a wrong pattern is an error
		slices.Reverse(found)
		folders = append(folders, found...)
	}
	for _, folder := range folders {
		_, err1 := os.Stat(filepath.Join(folder, "initdb"))
		_, err2 := os.Stat(filepath.Join(folder, "postgres"))
		if err1 == nil && err2 == nil {
			return folder, nil
		}
	}
	return "", ErrNoServer
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}
