package postgres

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// notifyEvery is the least time between two notifications of one process.
	// The server commits them one after the other, so they go out in statements
	// of their own, and a few milliseconds matter to nobody: the process that
	// committed knows at once.
	notifyEvery = 5 * time.Millisecond
	// notifyPatience bounds sending one, which others' polling makes up for.
	notifyPatience = 2 * time.Second
	// listenAgainMin and listenAgainMax bound the wait before listening again
	// after the connection was lost.
	listenAgainMin = 100 * time.Millisecond
	listenAgainMax = 5 * time.Second
)

// What a notification says, after the name of its sender.
const (
	newRows    = 'r'
	newIntents = 'i'
)

// wake tells this process, and the others on this database, of commits.
type wake struct {
	pool    *pgxpool.Pool
	channel string
	origin  string // tells one's own notifications from others'

	rows, intents chan struct{}

	mu      sync.Mutex
	unsent  string
	kick    chan struct{} // something is unsent
	running sync.WaitGroup
}

func startWake(ctx context.Context, pool *pgxpool.Pool, channel string) *wake {
	w := &wake{
		pool: pool, channel: channel, origin: rand.Text(),
		rows: make(chan struct{}, 1), intents: make(chan struct{}, 1), kick: make(chan struct{}, 1),
	}
	w.running.Go(func() { w.send(ctx) })
	w.running.Go(func() { w.listen(ctx) })
	return w
}

// wait returns when both goroutines have ended, after the context has.
func (w *wake) wait() { w.running.Wait() }

// signal tells this process at once and the others soon.
func (w *wake) signal(what string) {
	if what == "" {
		return
	}
	w.told(what)
	w.mu.Lock()
	for _, one := range what {
		if !strings.ContainsRune(w.unsent, one) {
			w.unsent += string(one)
		}
	}
	w.mu.Unlock()
	notify(w.kick)
}

func (w *wake) told(what string) {
	if strings.ContainsRune(what, newRows) {
		notify(w.rows)
	}
	if strings.ContainsRune(what, newIntents) {
		notify(w.intents)
	}
}

// send notifies the other processes. What cannot be sent is forgotten.
func (w *wake) send(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-w.kick:
		case <-ctx.Done():
			return
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
		w.mu.Lock()
		what := w.unsent
		w.unsent = ""
		w.mu.Unlock()
		one, cancel := context.WithTimeout(ctx, notifyPatience)
		_, _ = w.pool.Exec(one, `SELECT pg_notify($1, $2)`, w.channel, w.origin+" "+what)
		cancel()
		pause.Reset(notifyEvery)
	}
}

// listen hears the other processes, until ctx ends.
func (w *wake) listen(ctx context.Context) {
	wait := listenAgainMin
	for ctx.Err() == nil {
		started := time.Now()
		w.hear(ctx)
		if time.Since(started) > listenAgainMax {
			wait = listenAgainMin
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		wait = min(2*wait, listenAgainMax)
	}
}

// hear listens on a connection of its own until that is lost.
func (w *wake) hear(ctx context.Context) {
	c := w.pool.Config().ConnConfig.Copy()
	// There is nothing that the server could cancel.
	c.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.DeadlineContextWatcherHandler{Conn: conn.Conn()}
	}
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return
	}
	defer func() {
		last, cancel := context.WithTimeout(context.Background(), notifyPatience)
		defer cancel()
		_ = conn.Close(last)
	}()
	if _, err := conn.Exec(ctx, `LISTEN `+pgx.Identifier{w.channel}.Sanitize()); err != nil {
		return
	}
	w.told(string([]rune{newRows, newIntents})) // what came while nobody listened
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return
		}
		if origin, what, _ := strings.Cut(n.Payload, " "); origin != w.origin {
			w.told(what)
		}
	}
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
