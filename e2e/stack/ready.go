package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
)

// awaitReady polls /readyz of all services until each is ready.
func awaitReady(ctx context.Context, a embedded.Addresses) error {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for _, s := range []struct{ name, ops string }{
		{"order", a.Order.Ops}, {"payment", a.Payment.Ops}, {"inventory", a.Inventory.Ops},
	} {
		if err := until(ctx, func() error { return probe(ctx, client, s.ops+"/readyz") }); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

func probe(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	said, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %d: %s", url, res.StatusCode, said)
	}
	return err
}

// errHopeless ends until before its time.
var errHopeless = errors.New("going on is hopeless")

// until repeats try until it succeeds or ctx ends; then it returns the last error.
func until(ctx context.Context, try func() error) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := try()
		if err == nil || errors.Is(err, errHopeless) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}
