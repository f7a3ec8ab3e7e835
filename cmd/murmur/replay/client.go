package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

const (
	// waitAsked is how long a request asks the platform to wait for an order.
	waitAsked = 20 * time.Second
	// attemptTimeout bounds one attempt, waiting included.
	attemptTimeout = 45 * time.Second
	// firstPause and mostPause bound the pause between attempts: a service that
	// restarts is back within a second or two.
	firstPause = 50 * time.Millisecond
	mostPause  = 2 * time.Second
	// maxAnswer is far above the largest order, and a page of the list.
	maxAnswer = 16 << 20
	// pageSize is the most that the list gives at once.
	pageSize = 1000
)

// client talks to the public APIs of a platform, and repeats a request while the
// platform cannot answer it.
type client struct {
	to       embedded.Addresses
	patience time.Duration
	progress *Progress
	http     *http.Client
}

func newClient(to embedded.Addresses, cfg Config, p *Progress) *client {
	connections := 2*cfg.Concurrency + 1 // orders, returns, and the list
	return &client{to: to, patience: cfg.Patience, progress: p, http: &http.Client{
		Timeout:   attemptTimeout,
		Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections, Proxy: http.ProxyFromEnvironment},
	}}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// answer is what the platform decided: anything but an error of its own.
type answer struct {
	status int
	body   []byte
}

func (a answer) ok() bool { return a.status < http.StatusMultipleChoices }

// detail is the platform's reason for a refusal.
func (a answer) detail() string {
	var problem struct {
		Detail string `json:"detail"`
		Errors []struct {
			Message  string `json:"message"`
			Location string `json:"location"`
		} `json:"errors"`
	}
	if json.Unmarshal(a.body, &problem) != nil || problem.Detail == "" {
		return fmt.Sprintf("status %d: %s", a.status, clip(string(a.body)))
	}
	if len(problem.Errors) > 0 {
		return fmt.Sprintf("%s (%s %s)", problem.Detail, problem.Errors[0].Location, problem.Errors[0].Message)
	}
	return problem.Detail
}

func (c *client) post(ctx context.Context, to, key string, body any) (answer, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return answer{}, err
	}
	return c.ask(ctx, http.MethodPost, to, key, raw)
}

// order returns an order as the platform sees it; found is false when it knows
// none of this id. With wait the platform holds the answer back for a while,
// until the order is settled.
func (c *client) order(ctx context.Context, id string, wait bool) (v view, found bool, err error) {
	to := c.to.Order.API + "/orders/" + url.PathEscape(id)
	if wait {
		to += "?wait=" + waitAsked.String()
	}
	a, err := c.ask(ctx, http.MethodGet, to, "", nil)
	switch {
	case err != nil || a.status == http.StatusNotFound:
		return v, false, err
	case !a.ok():
		return v, false, fmt.Errorf("GET %s: %s", to, a.detail())
	}
	err = json.Unmarshal(a.body, &v)
	return v, true, err
}

// list returns a page of the orders with ids behind after, of one status or, if
// it is empty, of all.
func (c *client) list(ctx context.Context, status, after string) ([]listed, error) {
	query := url.Values{"after": {after}, "limit": {strconv.Itoa(pageSize)}}
	if status != "" {
		query.Set("status", status)
	}
	a, err := c.ask(ctx, http.MethodGet, c.to.Order.API+"/orders?"+query.Encode(), "", nil)
	if err != nil {
		return nil, err
	}
	if !a.ok() {
		return nil, fmt.Errorf("list orders: %s", a.detail())
	}
	var page struct {
		Orders []listed `json:"orders"`
	}
	err = json.Unmarshal(a.body, &page)
	return page.Orders, err
}

// ask sends a request until it is answered. The error says that the platform
// could not answer for as long as the patience lasts (run.ExitTempFail), or that
// ctx is over.
func (c *client) ask(ctx context.Context, method, to, key string, body []byte) (answer, error) {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = firstPause, mostPause
	troubled := false
	a, err := backoff.Retry(ctx, func() (answer, error) { return c.attempt(ctx, method, to, key, body) },
		backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(c.patience),
		backoff.WithNotify(func(err error, _ time.Duration) {
			if !troubled {
				troubled = true
				c.progress.troubles.Add(1)
			}
			c.progress.trouble.Store(&Trouble{Reason: reason(err)})
		}))
	if troubled {
		c.progress.troubles.Add(-1)
	}
	var permanent *backoff.PermanentError
	switch {
	case err == nil:
		return a, nil
	case ctx.Err() != nil:
		return a, context.Cause(ctx)
	case errors.As(err, &permanent):
		return a, permanent.Err
	}
	return a, run.TempFailError(fmt.Errorf("%s %s: no answer within %s: %s", method, to, c.patience, reason(err)))
}

// attempt sends a request once. An error is worth another attempt unless it is
// permanent.
func (c *client) attempt(ctx context.Context, method, to, key string, body []byte) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(body))
	if err != nil {
		return answer{}, backoff.Permanent(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }() // read to its end, or given up
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return answer{}, err
	}
	a := answer{status: res.StatusCode, body: text}
	switch {
	case a.status >= http.StatusInternalServerError, a.status == http.StatusTooManyRequests, a.status == http.StatusRequestTimeout:
		return a, errors.New(a.detail())
	}
	return a, nil
}

// reason shortens an error to its cause: the address was said before.
func reason(err error) string {
	var address *url.Error
	if errors.As(err, &address) {
		err = address.Err
	}
	return err.Error()
}

// view is the part of an order's answer that a replay looks at.
type view struct {
	OrderID       string     `json:"order_id"`
	Status        string     `json:"status"`
	Settled       bool       `json:"settled"`
	Reason        string     `json:"reason"`
	Customer      string     `json:"customer"`
	Currency      string     `json:"currency"`
	PaymentMethod string     `json:"payment_method"`
	Total         int64      `json:"total"`
	RefundDue     int64      `json:"refund_due"`
	Lines         []viewLine `json:"lines"`
}

type viewLine struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	Amount   int64  `json:"amount"`
	Kind     string `json:"kind"`
}

// listed is one order of the list.
type listed struct {
	OrderID string `json:"order_id"`
	Status  string `json:"status"`
}

// The statuses of an order.
const (
	statusPlaced    = "PLACED"
	statusConfirmed = "CONFIRMED"
	statusCompleted = "COMPLETED"
	statusCancelled = "CANCELLED"
	statusReturned  = "RETURNED"
)
