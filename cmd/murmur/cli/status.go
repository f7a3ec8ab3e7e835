package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/httpserver"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

func newStatus() *cobra.Command {
	return withTarget(&cobra.Command{
		Use:   "status",
		Short: "Show how the services are: ready, publishing, behind, stuck",
		Long: `Shows for each service whether it is ready, whether it publishes, how much waits in
its outbox and for how long, how far it is behind on each topic that it reads, and
what it parked; then the orders by status. The exit code is 75 if a service, or the
broker, does not answer or is not ready, else 0.`,
		Example: `  murmur status
  watch murmur status
  murmur status --output json | jq '.services[] | {service, lag}'`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return showStatus(c) },
	})
}

// withTarget adds the flags of addTarget and addOutput.
func withTarget(c *cobra.Command) *cobra.Command {
	addTarget(c)
	addOutput(c)
	return c
}

// platformStatus is the whole overview.
type platformStatus struct {
	Services []serviceStatus `json:"services"`
	// Orders counts them by status; MoreOrders says that there are more than were
	// counted.
	Orders     map[string]int `json:"orders,omitempty"`
	MoreOrders bool           `json:"more_orders,omitempty"`
	// Faults are what could not be learnt.
	Faults []string `json:"faults,omitempty"`
}

type serviceStatus struct {
	Service string `json:"service"`
	// State is that of the service's readiness; "unreachable" without an answer.
	State  string   `json:"state"`
	Faults []string `json:"faults,omitempty"`
	// Leader tells whether the instance that answered is the one that publishes.
	Leader      bool       `json:"leader"`
	PublishedAt *time.Time `json:"published_at,omitempty"`
	// Outbox is how many records wait to be published, OutboxAge for how long the
	// oldest of them, in milliseconds.
	Outbox    int64 `json:"outbox"`
	OutboxAge int64 `json:"outbox_age_ms"`
	// Lag is how many offsets there are to read, by topic. Offsets count markers
	// of transactions too, so it bounds the records from above.
	Lag           map[string]int64 `json:"lag,omitempty"`
	Parked        int              `json:"parked"`
	ParkedIntents int              `json:"parked_intents"`
	Pending       int              `json:"pending_intents"`

	view *participant.Overview
}

const stateUnreachable = "unreachable"

func showStatus(c *cobra.Command) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	to, err := target(c, append(slices.Clone(opsAddresses), kafkaAddress, orderAddress)...)
	if err != nil {
		return err
	}
	w := newWeb()
	defer w.close()
	s := collectStatus(c.Context(), w, to)
	if asJSON {
		err = printJSON(c.OutOrStdout(), s)
	} else {
		err = printStatus(c.OutOrStdout(), s)
	}
	if err != nil {
		return err
	}
	for _, service := range s.Services {
		if service.State != httpserver.StatusReady {
			s.Faults = append(s.Faults, fmt.Sprintf("%s service is %s", service.Service, service.State))
		}
	}
	if len(s.Faults) > 0 {
		return run.TempFailError(errors.New(strings.Join(s.Faults, "; ")))
	}
	return nil
}

func collectStatus(ctx context.Context, w web, to embedded.Addresses) platformStatus {
	services := allOperations(to)
	s := platformStatus{Services: make([]serviceStatus, len(services))}
	var orders, broker error
	var bounds logBounds
	var asking sync.WaitGroup
	for i, of := range services {
		asking.Go(func() { s.Services[i] = w.serviceStatus(ctx, of) })
	}
	asking.Go(func() { s.Orders, s.MoreOrders, orders = w.countOrders(ctx, to.Order.API) })
	asking.Go(func() { bounds, broker = readBounds(ctx, to.Kafka) })
	asking.Wait()
	if orders != nil {
		s.Faults = append(s.Faults, "orders cannot be counted: "+orders.Error())
	}
	if broker != nil {
		s.Faults = append(s.Faults, broker.Error())
		return s
	}
	for i := range s.Services {
		s.Services[i].behind(bounds)
	}
	return s
}

func (w web) serviceStatus(ctx context.Context, of operations) serviceStatus {
	s := serviceStatus{Service: of.service, State: stateUnreachable}
	ready, err := w.readiness(ctx, of)
	if err != nil {
		s.Faults = []string{err.Error()}
		return s
	}
	s.State = ready.Status
	for _, check := range ready.Checks {
		if !check.OK {
			s.Faults = append(s.Faults, check.Name+": "+check.Error)
		}
	}
	view, err := w.overview(ctx, of)
	if err != nil {
		s.Faults = append(s.Faults, err.Error())
		return s
	}
	s.view, s.Leader, s.Outbox = &view, view.Status.Leader, view.Waiting
	if !view.Status.PublishedAt.IsZero() {
		s.PublishedAt = &view.Status.PublishedAt
	}
	if view.Waiting > 0 {
		s.OutboxAge = max(0, time.Since(time.UnixMicro(view.Oldest)).Milliseconds())
	}
	if view.Status.LastError != "" {
		s.Faults = append(s.Faults, "relay: "+view.Status.LastError)
	}
	s.Parked, s.ParkedIntents, s.Pending = len(view.Parked), len(view.ParkedIntents), len(view.Pending)
	return s
}

func printStatus(out io.Writer, s platformStatus) error {
	t := newTable(out, "SERVICE", "STATE", "PUBLISHES", "OUTBOX", "LAG", "PARKED", "INTENTS")
	for _, service := range s.Services {
		if service.view == nil {
			t.row(service.Service, service.State, "", "", "", "", "")
			continue
		}
		publishes := "standby"
		if service.Leader {
			publishes = "yes"
		}
		outbox := strconv.FormatInt(service.Outbox, 10)
		if service.Outbox > 0 {
			outbox += ", " + age(time.Duration(service.OutboxAge)*time.Millisecond) + " old"
		}
		var lag []string
		for _, topic := range slices.Sorted(maps.Keys(service.Lag)) {
			lag = append(lag, fmt.Sprintf("%s %d", topic, service.Lag[topic]))
		}
		t.row(service.Service, service.State, publishes, outbox, strings.Join(lag, ", "),
			fmt.Sprintf("%d records, %d intents", service.Parked, service.ParkedIntents), fmt.Sprintf("%d pending", service.Pending))
	}
	if err := t.end(); err != nil {
		return err
	}
	for _, service := range s.Services {
		for _, fault := range service.Faults {
			fmt.Fprintf(out, "%s: %s\n", service.Service, fault)
		}
	}
	if s.Orders != nil {
		fmt.Fprintln(out, ordersLine(s))
	}
	return nil
}

func ordersLine(s platformStatus) string {
	var counts []string
	for _, status := range slices.Sorted(maps.Keys(s.Orders)) {
		counts = append(counts, fmt.Sprintf("%s %d", status, s.Orders[status]))
	}
	switch {
	case len(counts) == 0:
		return "orders: none"
	case s.MoreOrders:
		return fmt.Sprintf("of the first %d orders: %s", orderPage*orderPages, strings.Join(counts, ", "))
	}
	return "orders: " + strings.Join(counts, ", ")
}
