package floor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/murmuration-dev/murmuration/e2e/bench/quantile"
)

const (
	// payload is about what a record of the platform has.
	payload = 512
	// Writers is how many connections share the flushes of the server: as many as
	// one replica of a service has units of work under way.
	Writers = 16
)

// Config says where the servers are.
type Config struct {
	// Brokers are some addresses, and DatabaseURL is that of a database on the
	// server to be measured, whose user may create databases.
	Brokers     []string
	DatabaseURL string
	// Dial connects to them, and to where they say that others of them are.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Floor is ready to be measured. Close it. It is for one caller at a time.
type Floor struct {
	single, many *kgo.Client
	rows         []*pgx.Conn
}

// Result is what the servers give.
type Result struct {
	Produce, Insert Times   // one after the other
	Pipelined       float64 // records a second
	Shared          float64 // rows a second, over all Writers
}

// Times are those of operations that were made one after the other.
type Times struct {
	P50, P99  float64 // ms
	PerSecond float64
}

// Open makes a topic and a database of its own and connects. The topic must not
// be there yet.
func Open(ctx context.Context, cfg Config) (_ *Floor, err error) {
	f := &Floor{}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(ctx))
		}
	}()
	options := []kgo.Opt{
		kgo.SeedBrokers(cfg.Brokers...), kgo.Dialer(cfg.Dial), kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()),
	}
	if f.many, err = kgo.NewClient(append(options, kgo.MaxBufferedRecords(buffered))...); err != nil {
		return nil, err
	}
	if f.single, err = kgo.NewClient(append(options, kgo.ProducerLinger(0))...); err != nil {
		return nil, err
	}
	if err := createTopic(ctx, f.many); err != nil {
		return nil, fmt.Errorf("topic of the floor: %w", err)
	}
	if err := f.openRows(ctx, cfg); err != nil {
		return nil, fmt.Errorf("table of the floor: %w", err)
	}
	return f, nil
}

// Measure takes each figure for so long.
func (f *Floor) Measure(ctx context.Context, each time.Duration) (r Result, err error) {
	if r.Produce, err = oneByOne(ctx, each, f.produce); err != nil {
		return r, fmt.Errorf("produce one at a time: %w", err)
	}
	if r.Pipelined, err = f.pipeline(ctx, each); err != nil {
		return r, fmt.Errorf("produce pipelined: %w", err)
	}
	insert := func(ctx context.Context, _ int) error { return insert(ctx, f.rows[0]) }
	if r.Insert, err = oneByOne(ctx, each, insert); err != nil {
		return r, fmt.Errorf("insert one at a time: %w", err)
	}
	if r.Shared, err = f.together(ctx, each); err != nil {
		return r, fmt.Errorf("insert over %d connections: %w", Writers, err)
	}
	return r, nil
}

// oneByOne repeats an operation for so long.
func oneByOne(ctx context.Context, long time.Duration, do func(context.Context, int) error) (Times, error) {
	var took []time.Duration
	begun := time.Now()
	for last := begun; last.Sub(begun) < long; {
		if err := do(ctx, len(took)); err != nil {
			return Times{}, err
		}
		now := time.Now()
		took = append(took, now.Sub(last))
		last = now
	}
	return Times{
		P50: quantile.Milliseconds(quantile.Of(took, 0.5)), P99: quantile.Milliseconds(quantile.Of(took, 0.99)),
		PerSecond: float64(len(took)) / time.Since(begun).Seconds(),
	}, nil
}

// Close releases the connections. Topic and database stay.
func (f *Floor) Close(ctx context.Context) error {
	var errs []error
	for _, c := range []*kgo.Client{f.single, f.many} {
		if c != nil {
			c.Close()
		}
	}
	for _, c := range f.rows {
		errs = append(errs, c.Close(ctx))
	}
	return errors.Join(errs...)
}

// Mean is the floor between two measurements of it.
func Mean(a, b Result) Result {
	mean := func(x, y float64) float64 { return (x + y) / 2 }
	times := func(x, y Times) Times {
		return Times{mean(x.P50, y.P50), mean(x.P99, y.P99), mean(x.PerSecond, y.PerSecond)}
	}
	return Result{
		Produce: times(a.Produce, b.Produce), Insert: times(a.Insert, b.Insert),
		Pipelined: mean(a.Pipelined, b.Pipelined), Shared: mean(a.Shared, b.Shared),
	}
}
