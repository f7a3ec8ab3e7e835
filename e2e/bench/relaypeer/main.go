// Command relaypeer is the relay by itself, for comparison with other ways from
// a table to Kafka: the PostgreSQL driver, pkg/outbox and the transactional
// producer of pkg/kafka, wired as a service wires them, and nothing else.
//
// It takes PG_DSN, KAFKA (host:port) and TOPIC from the environment. With
// -prepare it makes the tables, in the schema murmuration, and the topic of the
// relay's positions, and ends; otherwise it publishes until SIGTERM.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	_ "net/http/pprof" //nolint:gosec // only served when -pprof asks for it
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/eventstore/postgres"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
)

func main() {
	prepare := flag.Bool("prepare", false, "make the tables and the topic of positions, and end")
	profile := flag.String("pprof", "", "host:port to serve profiles at")
	var cfg outbox.Config
	flag.DurationVar(&cfg.LeaseTTL, "lease", time.Second, "time until a relay that was killed is replaced")
	flag.DurationVar(&cfg.PollInterval, "poll", 2*time.Millisecond, "how often to look for rows of other processes")
	flag.DurationVar(&cfg.Pace, "pace", 0, "least time between two transactions; 0: the relay's default")
	flag.IntVar(&cfg.BatchRows, "rows", 0, "most rows of a transaction; 0: the relay's default")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)

	work := func() error { return publish(ctx, cfg, *profile) }
	if *prepare {
		work = func() error { return setUp(ctx) }
	}
	err := work()
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func positionsTopic() string { return os.Getenv("TOPIC") + "-positions" }

// storeURL is PG_DSN with a schema of its own: other tables of those names may
// be in the database.
func storeURL() (string, error) {
	u, err := url.Parse(os.Getenv("PG_DSN"))
	if err != nil || u.Scheme == "" {
		return "", errors.New("PG_DSN is not a postgres:// URL")
	}
	q := u.Query()
	q.Set("search_path", "murmuration")
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func setUp(ctx context.Context) error {
	store, err := open(ctx, true)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{os.Getenv("KAFKA")}})
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = client.ApplyTopics(ctx, outbox.PositionsTopic(positionsTopic()))
	return err
}

func open(ctx context.Context, migrate bool) (*postgres.Store, error) {
	dsn, err := storeURL()
	if err != nil {
		return nil, err
	}
	return postgres.Open(ctx, postgres.Config{URL: dsn, Migrate: migrate})
}

func publish(ctx context.Context, cfg outbox.Config, profile string) error {
	if profile != "" {
		go func() { log.Print(http.ListenAndServe(profile, nil)) }() //nolint:gosec // of a measurement, on this machine
	}
	store, err := open(ctx, false)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	client, err := kafka.NewClient(kafka.Config{Brokers: []string{os.Getenv("KAFKA")}, ClientID: "relaypeer"})
	if err != nil {
		return err
	}
	defer client.Close()
	relayLog, err := outbox.NewKafkaLog(client, kafka.ProducerConfig{TransactionalID: os.Getenv("TOPIC")})
	if err != nil {
		return err
	}
	logger, err := zap.NewDevelopment()
	if err != nil {
		return err
	}
	codec, err := newPositions()
	if err != nil {
		return err
	}
	cfg.Relay, cfg.PositionsTopic, cfg.Owner = "order", positionsTopic(), fmt.Sprintf("pid-%d", os.Getpid())
	relay, err := outbox.New(cfg, outbox.Deps{
		Store: store, Log: relayLog, Logger: logger,
		EncodePosition: codec.encode, DecodePosition: codec.decode,
	})
	if err != nil {
		return err
	}
	return relay.Run(ctx)
}
