package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/e2e/checker"
	"github.com/murmuration-dev/murmuration/e2e/client"
)

// platform is where it is: a client's Platform that stays there.
type platform embedded.Addresses

func (p platform) Addresses() embedded.Addresses { return embedded.Addresses(p) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run reads the settings and does everything. PLATFORM is the addresses as JSON,
// DATABASES the URLs by service, likewise.
func run(ctx context.Context) error {
	listen := flag.String("listen", ":8080", "address of the control")
	rate := flag.Float64("rate", 5, "customers a second")
	patience := flag.Duration("patience", time.Minute, "how long a customer repeats a request")
	flag.Parse()
	var at embedded.Addresses
	databases := make(map[string]string)
	err := errors.Join(json.Unmarshal([]byte(os.Getenv("PLATFORM")), &at), json.Unmarshal([]byte(os.Getenv("DATABASES")), &databases))
	if err != nil {
		return fmt.Errorf("PLATFORM and DATABASES: %w", err)
	}
	if *rate <= 0 {
		return fmt.Errorf("-rate: %v is not above 0", *rate)
	}
	d, err := realDay()
	if err != nil {
		return err
	}
	s := &shop{client: client.New(platform(at)), day: d, rate: *rate, patience: *patience, tally: newTally()}
	defer s.client.Close()
	control, err := newControl(*listen, s.tally)
	if err != nil {
		return err
	}
	defer control.close()
	if err := s.stockUp(ctx); err != nil {
		return err
	}
	control.isReady()
	s.sell(ctx, control.leave)
	stores := make(checker.Stores)
	for service, url := range databases {
		stores[service] = checker.PostgreSQL(url)
	}
	v := judge(ctx, s.client, stores)
	if err := s.wrong(); err != nil {
		v.wrong(err)
	}
	control.give(v)
	<-ctx.Done() // the verdict is fetched meanwhile
	return nil
}
