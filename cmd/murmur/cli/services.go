package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/httpserver"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/pkg/run"
	"github.com/murmuration-dev/murmuration/schemas"
)

// operations is where operators reach one service.
type operations struct{ service, url string }

// allOperations are those of the three services.
func allOperations(to embedded.Addresses) []operations {
	return []operations{
		{schemas.OrderService, to.Order.Ops}, {schemas.PaymentService, to.Payment.Ops}, {schemas.InventoryService, to.Inventory.Ops},
	}
}

// opsAddresses are what a command needs for them.
var opsAddresses = []address{orderOps, paymentOps, inventoryOps}

const (
	// answerLimit bounds what is read of one answer: ten thousand parked records
	// of a megabyte each are not what anyone wants on a screen.
	answerLimit = 1 << 30
	// complaintLimit bounds the part of an error's body that is shown.
	complaintLimit = 300
)

// web asks services. Close the idle connections when done.
type web struct{ client *http.Client }

func newWeb() web {
	return web{&http.Client{Timeout: servicePatience, Transport: &http.Transport{}}}
}

func (w web) close() { w.client.CloseIdleConnections() }

// do makes one request and decodes an answer of the wanted status into out,
// unless that is nil. A service that does not answer, or not now, is worth another
// try later: exit code 75.
func (w web) do(ctx context.Context, method, url string, out any, wanted ...int) error {
	request, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return err
	}
	answer, err := w.client.Do(request)
	if err != nil {
		return run.TempFailError(err)
	}
	defer func() { _ = answer.Body.Close() }() // everything of interest was read
	for _, status := range wanted {
		if answer.StatusCode != status {
			continue
		}
		if out == nil {
			return nil
		}
		if err := json.NewDecoder(io.LimitReader(answer.Body, answerLimit)).Decode(out); err != nil {
			return fmt.Errorf("%s %s: answer cannot be read: %w", method, url, err)
		}
		return nil
	}
	complaint, _ := io.ReadAll(io.LimitReader(answer.Body, complaintLimit)) // what there is of it
	err = &statusError{answer.StatusCode, fmt.Sprintf("%s %s: %s: %s", method, url, answer.Status, strings.TrimSpace(string(complaint)))}
	if answer.StatusCode == http.StatusServiceUnavailable {
		return run.TempFailError(err)
	}
	return err
}

// statusError is an answer that was not hoped for.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

func isStatus(err error, status int) bool {
	var e *statusError
	return errors.As(err, &e) && e.status == status
}

func (w web) overview(ctx context.Context, of operations) (participant.Overview, error) {
	var o participant.Overview
	err := w.do(ctx, http.MethodGet, of.url+"/inspect", &o, http.StatusOK)
	if isStatus(err, http.StatusNotFound) {
		err = run.TempFailError(errors.New("starting: its database or the registry was not reached yet"))
	}
	if err != nil {
		return o, fmt.Errorf("%s service: %w", of.service, err)
	}
	return o, nil
}

// overviews asks all services at once; each has either an overview or an error.
func (w web) overviews(ctx context.Context, of []operations) ([]participant.Overview, []error) {
	views, errs := make([]participant.Overview, len(of)), make([]error, len(of))
	var asking sync.WaitGroup
	for i := range of {
		asking.Go(func() { views[i], errs[i] = w.overview(ctx, of[i]) })
	}
	asking.Wait()
	return views, errs
}

func (w web) readiness(ctx context.Context, of operations) (httpserver.Readiness, error) {
	var r httpserver.Readiness
	err := w.do(ctx, http.MethodGet, of.url+"/readyz", &r, http.StatusOK, http.StatusServiceUnavailable)
	return r, err
}

// revive makes a parked intent pending again; false if this service has none.
func (w web) revive(ctx context.Context, of operations, key string) (bool, error) {
	err := w.do(ctx, http.MethodPost, of.url+"/intents/revive?key="+url.QueryEscape(key), nil, http.StatusNoContent)
	if isStatus(err, http.StatusNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s service: %w", of.service, err)
	}
	return true, nil
}
