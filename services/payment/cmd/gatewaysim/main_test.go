package main

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/murmuration-dev/murmuration/services/payment/gatewaysim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func env(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func TestParse_FlagsOverrideTheEnvironment(t *testing.T) {
	cfg, err := parse([]string{"-listen", ":2", "-late-delay", "1s"}, env(map[string]string{
		"GATEWAYSIM_LISTEN": ":1", "GATEWAYSIM_DATA": "/var/lib/sim", "GATEWAYSIM_KEY_TTL": "5m", "GATEWAYSIM_LATE_DELAY": "9s",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Listen != ":2" || cfg.DataDir != "/var/lib/sim" || cfg.KeyTTL != 5*time.Minute || cfg.LateDelay != time.Second {
		t.Fatalf("%+v", cfg)
	}
	if cfg.HangTime != 30*time.Second || cfg.APIKey != "" {
		t.Fatalf("defaults: %+v", cfg)
	}
}

func TestStart_ExitCodes(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, tc := range map[string]struct {
		args []string
		env  map[string]string
		want int
	}{
		"help":          {args: []string{"-h"}, want: 0},
		"version":       {args: []string{"-version"}, want: 0},
		"unknown flag":  {args: []string{"-colour"}, want: exitUsage},
		"argument":      {args: []string{"serve"}, want: exitUsage},
		"wrong setting": {env: map[string]string{"GATEWAYSIM_KEY_TTL": "soon"}, want: exitUsage},
		"address taken": {args: []string{"-data", t.TempDir(), "-listen", taken.Addr().String()}, want: exitFailed},
	} {
		t.Run(name, func(t *testing.T) {
			if got := start(t.Context(), tc.args, env(tc.env)); got != tc.want {
				t.Errorf("exit code %d, want %d", got, tc.want)
			}
		})
	}
}

func TestStart_ServesUntilAskedToEnd(t *testing.T) {
	// The port is free now; the command needs to be told one, unlike the package.
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan int, 1)
	go func() {
		ended <- start(ctx, []string{"-listen", address, "-data", filepath.Join(t.TempDir(), "data")}, env(nil))
	}()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	control := gatewaysim.Control{URL: "http://" + address, Client: client}
	const patient = 20 * time.Second
	deadline := time.After(patient)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := control.Totals(t.Context()); err == nil {
			break
		}
		select {
		case code := <-ended:
			t.Fatalf("ended with %d", code)
		case <-deadline:
			t.Fatal("never served")
		case <-tick.C:
		}
	}
	cancel()
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d", code)
	}
}
