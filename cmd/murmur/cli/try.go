package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/cmd/murmur/topics"
	"github.com/murmuration-dev/murmuration/pkg/run"
	"github.com/murmuration-dev/murmuration/schemas"
)

const (
	// tryWait is longer than services, or a broker, need to come back.
	tryWait = time.Minute
	// tryHold is for how long a request asks the platform to hold its answer back:
	// shorter than servicePatience, which ends the request.
	tryHold = 2 * time.Second
	// tryAgain spaces requests that a service which stops answers at once.
	tryAgain = 100 * time.Millisecond
	// tryPause is the longest pause between requests that were not answered.
	tryPause = 2 * time.Second
	// trySKU is what is received and ordered, apart from everything that is sold.
	trySKU = "MURMUR-TRY"
	// tryCard is accepted by the simulator, and by Stripe with a test key.
	tryCard = "pm_card_visa"
)

func newTry() *cobra.Command {
	wait := tryWait
	c := &cobra.Command{
		Use:   "try",
		Short: "Place an order and see it completed",
		Long: `Receives one piece of ` + trySKU + `, orders it for 1.00 GBP from the card ` + tryCard + `,
waits until the order is settled, and tells its story from the topics. Each run
places an order of its own. What does not answer is asked again until --wait is over.

The card is accepted by the simulator of a gateway, and by Stripe with a test key.

Exit codes: 0 completed; 1 ended otherwise; 75 not settled in time.`,
		Example: `  murmur try
  murmur try --order http://order:8080 --inventory http://inventory:8080 --kafka kafka:9092`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			asJSON, err := wantsJSON(c)
			if err != nil {
				return err
			}
			if wait <= 0 {
				return run.UsageError(fmt.Errorf("--wait: %v is not above 0", wait))
			}
			to, err := target(c, kafkaAddress, orderAddress, inventoryAddress)
			if err != nil {
				return err
			}
			return tryOnce(c, to, wait, asJSON)
		},
	}
	addTarget(c)
	addOutput(c)
	c.Flags().DurationVar(&wait, "wait", tryWait, "how long to wait until the order is settled")
	return c
}

// tryOnce places an order, waits for its end, and tells its story.
func tryOnce(c *cobra.Command, to embedded.Addresses, wait time.Duration, asJSON bool) error {
	ctx, cancel := context.WithTimeout(c.Context(), wait)
	defer cancel()
	w := newWeb()
	defer w.close()
	id := "try-" + strings.ToLower(rand.Text())
	status, err := w.try(ctx, to, id)
	switch {
	case c.Context().Err() != nil:
		return c.Context().Err()
	case err != nil && ctx.Err() != nil:
		return run.TempFailError(fmt.Errorf("try: order %s is not settled after %s: %w", id, wait, err))
	case err != nil:
		return fmt.Errorf("try: %w", err)
	}
	err = tellStory(c, to, id, asJSON)
	if status != string(schemas.OrderCompleted) {
		err = errors.Join(fmt.Errorf("try: order %s ended as %s, not %s", id, status, schemas.OrderCompleted), err)
	}
	return err
}

func tellStory(c *cobra.Command, to embedded.Addresses, id string, asJSON bool) error {
	client, err := reachKafka(c.Context(), to.Kafka)
	if err != nil {
		return err
	}
	defer client.Close()
	decoder, err := newDecoder(to.Registry, c.ErrOrStderr())
	if err != nil {
		return err
	}
	story, err := topics.ReadStory(c.Context(), client, decoder, id, topics.Options{})
	switch {
	case err != nil:
		return kafkaFailure(err)
	case asJSON:
		return printJSON(c.OutOrStdout(), story)
	}
	return printStory(c.OutOrStdout(), story)
}

// try places the order and returns the status that it ended with.
func (w web) try(ctx context.Context, to embedded.Addresses, id string) (string, error) {
	receipt := map[string]any{"id": id, "quantity": 1}
	if _, err := w.insist(ctx, http.MethodPost, to.Inventory.API+"/stock/"+trySKU+"/receipts", receipt); err != nil {
		return "", err
	}
	order := map[string]any{
		"order_id": id, "currency": "GBP", "payment_method": tryCard,
		"lines": []map[string]any{{"sku": trySKU, "quantity": 1, "amount": 100}},
	}
	if _, err := w.insist(ctx, http.MethodPost, to.Order.API+"/orders", order); err != nil {
		return "", err
	}
	held := to.Order.API + "/orders/" + url.PathEscape(id) + "?wait=" + tryHold.String()
	var view struct {
		Status  string `json:"status"`
		Settled bool   `json:"settled"`
	}
	for {
		raw, err := w.insist(ctx, http.MethodGet, held, nil)
		if err != nil && ctx.Err() != nil && view.Status != "" {
			return "", fmt.Errorf("it is %s", view.Status)
		}
		if err != nil {
			return "", err
		}
		if err := json.Unmarshal(raw, &view); err != nil {
			return "", fmt.Errorf("GET %s: answer cannot be read: %w", held, err)
		}
		if view.Settled {
			return view.Status, nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(tryAgain):
		}
	}
}

// insist sends a request until it is answered, or ctx is over. What it sends may be
// sent twice: orders and receipts have ids.
func (w web) insist(ctx context.Context, method, to string, body any) ([]byte, error) {
	pause := backoff.NewExponentialBackOff()
	pause.MaxInterval = tryPause
	var last error
	answer, err := backoff.Retry(ctx, func() ([]byte, error) {
		answer, err := w.send(ctx, method, to, body)
		if err != nil && ctx.Err() == nil {
			last = err
		}
		return answer, err
	}, backoff.WithBackOff(pause), backoff.WithMaxElapsedTime(0)) // ctx has the deadline
	var permanent *backoff.PermanentError
	switch {
	case errors.As(err, &permanent):
		return nil, permanent.Err
	case err != nil && last != nil:
		return nil, last // says more than that the time is over
	}
	return answer, err
}

// send sends a request once. A refusal is permanent.
func (w web) send(ctx context.Context, method, to string, body any) ([]byte, error) {
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, backoff.Permanent(err)
		}
		content = strings.NewReader(string(raw))
	}
	request, err := http.NewRequestWithContext(ctx, method, to, content)
	if err != nil {
		return nil, backoff.Permanent(err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := w.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }() // everything of interest was read
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerLimit))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode < http.StatusMultipleChoices {
		return text, nil
	}
	err = fmt.Errorf("%s %s: %s: %s", method, to, answer.Status, strings.TrimSpace(string(text[:min(len(text), complaintLimit)])))
	if answer.StatusCode >= http.StatusInternalServerError || answer.StatusCode == http.StatusTooManyRequests {
		return nil, err
	}
	return nil, backoff.Permanent(err)
}
