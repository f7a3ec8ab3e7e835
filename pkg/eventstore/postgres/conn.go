package postgres

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// connectTimeout bounds one attempt, unless the URL says otherwise.
	connectTimeout = 5 * time.Second
	// cancelPatience is how long the server may take to answer a call that was
	// cancelled; after that its connection is given up. A commit is usually
	// known by then.
	cancelPatience = 5 * time.Second
	// maxStatements bounds the cache of prepared statements of a connection. The
	// store needs about thirty; the rest are read-model statements, whose text
	// should be constant.
	maxStatements = 512
)

// warned marks a connection whose server gave a warning. A commit that is
// cancelled while it waits for a standby succeeds with one: it is durable there,
// and perhaps nowhere else.
const warned = "murmuration.warned"

// unacknowledged is how long what was sent may stay without acknowledgement before
// its connection is given up: a server that vanished, or a network that was cut and
// has other addresses now. More than a network takes to find another way.
const unacknowledged = 15 * time.Second

// keepAlive finds out within half a minute that a server is gone for good while
// nothing is sent.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 4}

// session sets up a connection. Every statement of the store finds its rows by
// an index. A plan that was made while a table was small, and walks it, would
// still be in use when it is large: so there is one plan, and it is by index.
const session = `
	SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off;
	SET plan_cache_mode = force_generic_plan;
	SET idle_in_transaction_session_timeout = '60s';
	DO $$ BEGIN PERFORM set_config('client_connection_check_interval', '2s', false);
		EXCEPTION WHEN OTHERS THEN NULL; -- not every platform of a server can
	END $$;
	SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`

// CheckURL tells whether Open could read the URL. The error shows no password.
func CheckURL(url string) error {
	_, err := pgxpool.ParseConfig(url)
	return err
}

func openPool(ctx context.Context, url string, most, byDefault int) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	switch {
	case most > 0:
		c.MaxConns = int32(most)
	case byDefault == 0:
		c.MaxConns = defaultReaders
	case !strings.Contains(url, "pool_max_conns"):
		c.MaxConns = int32(byDefault)
	}
	prepare(c.ConnConfig)
	c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.PgConn().Exec(ctx, session).ReadAll(); err != nil {
			return fmt.Errorf("set up the session: %w", err)
		}
		return nil
	}
	return pgxpool.NewWithConfig(ctx, c)
}

// connConfig is for a connection outside of any pool.
func connConfig(url string) (*pgx.ConnConfig, error) {
	c, err := pgxpool.ParseConfig(url) // the URL may hold settings of the pool
	if err != nil {
		return nil, err
	}
	prepare(c.ConnConfig)
	return c.ConnConfig, nil
}

// prepare makes a connection that notices a dead server, and a server that
// notices a call that was given up.
func prepare(c *pgx.ConnConfig) {
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectTimeout
	}
	c.DialFunc = (&net.Dialer{KeepAliveConfig: keepAlive, Control: giveUp}).DialContext
	c.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelPatience}
	}
	c.OnNotice = func(conn *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			conn.CustomData()[warned] = true
		}
	}
	c.StatementCacheCapacity = maxStatements
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "murmuration"
	}
}
