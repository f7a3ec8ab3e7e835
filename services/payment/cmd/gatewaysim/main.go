// Command gatewaysim runs the simulated card gateway.
//
// Every flag has an environment variable, which the flag overrides:
//
//	-listen      GATEWAYSIM_LISTEN      address of the API (127.0.0.1:12111)
//	-data        GATEWAYSIM_DATA        directory of the ledger (./gatewaysim-data)
//	-api-key     GATEWAYSIM_API_KEY     the only key accepted; empty accepts any
//	-key-ttl     GATEWAYSIM_KEY_TTL     how long idempotency keys are remembered (24h)
//	-late-delay  GATEWAYSIM_LATE_DELAY  how late a late request arrives (3s)
//	-hang-time   GATEWAYSIM_HANG_TIME   how long an unanswered connection stays open (30s)
//
// -version tells the version instead.
//
// It ends on SIGINT or SIGTERM after the answers under way. Exit codes: 0 ended as
// asked, 1 failed, 2 wrong usage.
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

	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/services/payment/gatewaysim"
)

// version is stamped by the build.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := start(ctx, os.Args[1:], os.Getenv)
	stop()
	os.Exit(code)
}

const (
	exitFailed = 1
	exitUsage  = 2
)

func start(ctx context.Context, args []string, getenv func(string) string) int {
	cfg, err := parse(args, getenv)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errVersion):
		fmt.Println("gatewaysim", version)
		return 0
	case err != nil:
		fmt.Fprintln(os.Stderr, "gatewaysim:", err)
		return exitUsage
	}
	logger, err := zap.NewProduction()
	if err != nil {
		fmt.Fprintln(os.Stderr, "gatewaysim:", err)
		return exitFailed
	}
	cfg.Logger = logger
	server, err := gatewaysim.New(cfg)
	if err == nil {
		err = server.Run(ctx)
	}
	_ = logger.Sync() // a terminal cannot be synced, which is no failure
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	return 0
}

// errVersion says that the version was asked for.
var errVersion = errors.New("version")

// parse reads the flags, whose defaults are the environment's values.
func parse(args []string, getenv func(string) string) (gatewaysim.Config, error) {
	var cfg gatewaysim.Config
	var faults []error
	flags := flag.NewFlagSet("gatewaysim", flag.ContinueOnError)
	text := func(target *string, name, env, value, usage string) {
		if v := getenv(env); v != "" {
			value = v
		}
		flags.StringVar(target, name, value, usage+" ($"+env+")")
	}
	duration := func(target *time.Duration, name, env string, value time.Duration, usage string) {
		if v := getenv(env); v != "" {
			d, err := time.ParseDuration(v)
			if err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", env, err))
			}
			value = d
		}
		flags.DurationVar(target, name, value, usage+" ($"+env+")")
	}
	text(&cfg.Listen, "listen", "GATEWAYSIM_LISTEN", "127.0.0.1:12111", "address of the API")
	text(&cfg.DataDir, "data", "GATEWAYSIM_DATA", "gatewaysim-data", "directory of the ledger")
	text(&cfg.APIKey, "api-key", "GATEWAYSIM_API_KEY", "", "the only API key accepted; empty accepts any")
	duration(&cfg.KeyTTL, "key-ttl", "GATEWAYSIM_KEY_TTL", 24*time.Hour, "how long idempotency keys are remembered")
	duration(&cfg.LateDelay, "late-delay", "GATEWAYSIM_LATE_DELAY", 3*time.Second, "how late a late request arrives")
	duration(&cfg.HangTime, "hang-time", "GATEWAYSIM_HANG_TIME", 30*time.Second, "how long an unanswered connection stays open")
	shown := flags.Bool("version", false, "tell the version")
	if err := flags.Parse(args); err != nil {
		return cfg, err
	}
	if *shown {
		return cfg, errVersion
	}
	if flags.NArg() > 0 {
		faults = append(faults, fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	return cfg, errors.Join(faults...)
}
