package gatewaysim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
)

// Control is a client for a gateway's /_sim endpoints. It is safe for concurrent
// use and retries nothing.
type Control struct {
	// URL is the gateway's base URL.
	URL string
	// Client is http.DefaultClient if nil.
	Client *http.Client
}

// SetFaults puts faults in force, replacing those before.
func (c Control) SetFaults(ctx context.Context, f Faults) error {
	body, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode faults: %w", err)
	}
	return c.read(ctx, http.MethodPut, "/_sim/faults", body, func(r io.Reader) error {
		return json.NewDecoder(r).Decode(&f)
	})
}

// Faults returns those in force.
func (c Control) Faults(ctx context.Context) (Faults, error) {
	var f Faults
	err := c.read(ctx, http.MethodGet, "/_sim/faults", nil, func(r io.Reader) error {
		return json.NewDecoder(r).Decode(&f)
	})
	return f, err
}

// Totals returns the sums of the whole ledger at one moment.
func (c Control) Totals(ctx context.Context) (Totals, error) {
	var t Totals
	err := c.read(ctx, http.MethodGet, "/_sim/totals", nil, func(r io.Reader) error {
		return json.NewDecoder(r).Decode(&t)
	})
	return t, err
}

// Ledger iterates over all payments in the order in which they were made. An error
// ends the iteration and means that entries are missing.
func (c Control) Ledger(ctx context.Context) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		err := c.read(ctx, http.MethodGet, "/_sim/ledger", nil, func(r io.Reader) error {
			decoder := json.NewDecoder(r)
			for {
				var e Entry
				switch err := decoder.Decode(&e); {
				case errors.Is(err, io.EOF):
					return nil
				case err != nil:
					return err
				}
				if !yield(e, nil) {
					return errStopped
				}
			}
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(Entry{}, err)
		}
	}
}

var errStopped = errors.New("iteration stopped by the caller")

// read decodes a good answer; of another one it reports the beginning.
func (c Control) read(ctx context.Context, method, path string, body []byte, decode func(io.Reader) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("gatewaysim %s %s: %w", method, path, err)
		}
	}()
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	client := c.Client
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode != http.StatusOK {
		const shown = 500
		text, _ := io.ReadAll(io.LimitReader(res.Body, shown)) // the status tells enough without it
		return fmt.Errorf("status %d: %s", res.StatusCode, text)
	}
	return decode(res.Body)
}
