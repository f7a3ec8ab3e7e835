//go:build e2e

// Command realstack measures the platform as people run it: three brokers of
// Apache Kafka (replication 3, min.insync.replicas 2), a PostgreSQL for each
// service that flushes every commit to a volume on disk, and replicas of the
// services, each in a container. It prints one table:
//
//   - orders that become COMPLETED a second, when all are placed at once;
//   - at a given rate, the time from an order's acknowledgement to COMPLETED, as
//     a reader of committed records sees it, and of each hop in between;
//   - what an order costs in transactions and processor time, by part;
//   - the memory of the services, at rest and under load.
//
// Machines differ, and a machine differs from minute to minute. So every figure
// stands beside its ratio to the floor, which is measured before and after it on
// the same servers: a plain record with acks=all, and a bare INSERT. It fails if
// an order does not complete, or a record is seen twice.
//
// It needs a Docker Engine on this machine, on Linux; see Dial of the stack.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// config is what a run can be told.
type config struct {
	replicas, rounds, burst int
	rate                    float64
	paced, warm, floor      time.Duration
	rest                    time.Duration
	profiles                string
}

func main() {
	var cfg config
	flag.IntVar(&cfg.replicas, "replicas", 2, "of each service")
	flag.IntVar(&cfg.rounds, "rounds", 3, "rounds of floor, platform, floor; the table has the medians")
	flag.Float64Var(&cfg.rate, "rate", 50, "orders due a second")
	flag.DurationVar(&cfg.paced, "paced", 25*time.Second, "how long orders come at that rate")
	flag.IntVar(&cfg.burst, "burst", 1000, "orders placed at once")
	flag.DurationVar(&cfg.floor, "floor", 4*time.Second, "how long each of the four figures of a floor is taken")
	flag.DurationVar(&cfg.warm, "warm", time.Minute, "how long orders come, as fast as they go, before anything is measured")
	flag.DurationVar(&cfg.rest, "rest", 10*time.Second, "how long the platform rests, without an order, before it is looked at")
	flag.StringVar(&cfg.profiles, "profiles", "", "folder to leave profiles of the services and statistics of their statements in")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := errors.Join(cfg.validate(), flagsOnly())
	if err == nil {
		err = measure(ctx, cfg, os.Stdout)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "realstack:", err)
		os.Exit(1)
	}
}

func flagsOnly() error {
	if flag.NArg() > 0 {
		return fmt.Errorf("%q is no flag", flag.Arg(0))
	}
	return nil
}

func (c config) validate() error {
	if c.replicas < 1 || c.rounds < 1 || c.burst < 1 || c.rate <= 0 || min(c.paced, c.floor) <= 0 {
		return errors.New("replicas, rounds, burst, rate, paced and floor must be above zero")
	}
	return nil
}
