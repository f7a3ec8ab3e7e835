// Package client is a customer, a warehouse and an operator of a platform under
// test: a small typed client of its HTTP APIs that remembers what it was promised.
//
// # Guarantee
//
// History holds what was acknowledged, entered after the answer was read in full
// and before the call returns. It repeats nothing by itself: an error without an
// answer means that the outcome is unknown.
//
// # What it does not do
//
// It shares no types with the services, so that a change of theirs which clients
// would notice is noticed here.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
)

// Platform is whatever knows where the platform is now; a stack does.
type Platform interface{ Addresses() embedded.Addresses }

const (
	// timeout is above the longest wait that the APIs offer.
	timeout = 90 * time.Second
	// answerLimit bounds an answer: a history of a long order has some 100 KB.
	answerLimit = 64 << 20
)

// Client is safe for concurrent use.
type Client struct {
	platform Platform
	http     *http.Client
	history  History
}

// New returns a client of a platform. Close releases its connections.
func New(platform Platform) *Client {
	return &Client{platform: platform, http: &http.Client{
		Timeout:   timeout,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: timeout},
	}}
}

// Close releases idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Addresses are where the platform is now.
func (c *Client) Addresses() embedded.Addresses { return c.platform.Addresses() }

// History is what was acknowledged to this client so far.
func (c *Client) History() *History { return &c.history }

// Problem is an answer that is not a success.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Errors []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
	} `json:"errors"`

	// Code is the status of the answer itself, ContentType its type.
	Code        int    `json:"-"`
	ContentType string `json:"-"`
}

func (p *Problem) Error() string {
	text := fmt.Sprintf("%d %s: %s", p.Code, p.Type, p.Detail)
	for _, e := range p.Errors {
		text += fmt.Sprintf("; %s: %s", e.Location, e.Message)
	}
	return text
}

// StatusOf is the status of an answer that was no success, and 0 for any other
// error and for nil.
func StatusOf(err error) int {
	var p *Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return 0
}

// Answer is an answer as it came.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Raw sends a body as it is, for requests that no well behaved client makes. An
// empty content type means JSON.
func (c *Client) Raw(ctx context.Context, method, url, contentType string, body io.Reader, headers ...string) (Answer, error) {
	var a Answer
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return a, err
	}
	if contentType == "" {
		contentType = "application/json"
	}
	if body != nil && body != http.NoBody {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.http.Do(req)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	a.Status, a.Header = res.StatusCode, res.Header
	a.Body, err = io.ReadAll(io.LimitReader(res.Body, answerLimit))
	return a, err
}

// call sends JSON and reads JSON. An answer that is no success is a *Problem.
func (c *Client) call(ctx context.Context, method, url string, in, out any, headers ...string) error {
	var body io.Reader = http.NoBody
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(raw)
	}
	a, err := c.Raw(ctx, method, url, "", body, headers...)
	if err != nil {
		return err
	}
	if a.Status >= http.StatusBadRequest {
		p := &Problem{Code: a.Status, ContentType: a.Header.Get("Content-Type")}
		if err := json.Unmarshal(a.Body, p); err != nil {
			p.Detail = strings.TrimSpace(string(a.Body))
		}
		return fmt.Errorf("%s %s: %w", method, url, p)
	}
	if out == nil || len(a.Body) == 0 {
		return nil
	}
	if err := json.Unmarshal(a.Body, out); err != nil {
		return fmt.Errorf("%s %s: %w in %q", method, url, err, a.Body)
	}
	return nil
}

func idempotent(key string) []string {
	if key == "" {
		return nil
	}
	return []string{"Idempotency-Key", key}
}
