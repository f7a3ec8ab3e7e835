package cli

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// address is one of the addresses that a command can need.
type address struct {
	flag, usage string
	of          func(*embedded.Addresses) *string
	check       func(string) error
}

// The addresses, by the flag that gives each. A command names those it cannot do
// without when it calls target.
var (
	kafkaAddress     = address{"kafka", "host:port of brokers, separated by commas", func(a *embedded.Addresses) *string { return &a.Kafka }, checkBrokers}
	registryAddress  = address{"registry", "URL of the schema registry", func(a *embedded.Addresses) *string { return &a.Registry }, checkURL}
	gatewayAddress   = address{"gateway", "URL of the card gateway simulator", func(a *embedded.Addresses) *string { return &a.Gateway }, checkURL}
	orderAddress     = address{"order", "URL of the order service", func(a *embedded.Addresses) *string { return &a.Order.API }, checkURL}
	paymentAddress   = address{"payment", "URL of the payment service", func(a *embedded.Addresses) *string { return &a.Payment.API }, checkURL}
	inventoryAddress = address{"inventory", "URL of the inventory service", func(a *embedded.Addresses) *string { return &a.Inventory.API }, checkURL}
	orderOps         = address{"order-ops", "URL of the order service's operations", func(a *embedded.Addresses) *string { return &a.Order.Ops }, checkURL}
	paymentOps       = address{"payment-ops", "URL of the payment service's operations", func(a *embedded.Addresses) *string { return &a.Payment.Ops }, checkURL}
	inventoryOps     = address{"inventory-ops", "URL of the inventory service's operations", func(a *embedded.Addresses) *string { return &a.Inventory.Ops }, checkURL}
)

var allAddresses = []address{
	kafkaAddress, registryAddress, gatewayAddress,
	orderAddress, paymentAddress, inventoryAddress, orderOps, paymentOps, inventoryOps,
}

// addTarget gives a command, and the commands below it, the flags that say which
// platform it is about.
func addTarget(c *cobra.Command) {
	flags := c.PersistentFlags()
	flags.String("data", defaultData, "data folder of a platform started by `murmur up`: gives all addresses")
	for _, a := range allAddresses {
		flags.String(a.flag, "", a.usage+" (default: the data folder's)")
	}
}

// target resolves the flags of addTarget: an address given by its flag, else the
// one that the platform of the data folder left there. An address that is neither
// given nor left is empty, unless it is among needs: then it is an error, as are
// malformed ones. All errors are usage errors.
func target(c *cobra.Command, needs ...address) (embedded.Addresses, error) {
	var to embedded.Addresses
	data, err := c.Flags().GetString("data")
	if err != nil {
		return to, err
	}
	to, missing := embedded.ReadAddresses(data)
	// Someone who names addresses need not have a data folder.
	if missing != nil && (!errors.Is(missing, embedded.ErrNotRunning) || c.Flags().Changed("data")) {
		return to, run.UsageError(missing)
	}
	var errs []error
	for _, a := range allAddresses {
		given, err := c.Flags().GetString(a.flag)
		if err != nil {
			return to, err
		}
		if given = strings.TrimRight(given, "/"); given == "" {
			continue
		}
		if err := a.check(given); err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w", a.flag, err))
		}
		*a.of(&to) = given
	}
	var lacking []string
	for _, a := range needs {
		if *a.of(&to) == "" {
			lacking = append(lacking, "--"+a.flag)
		}
	}
	if len(lacking) > 0 && missing != nil {
		errs = append(errs, fmt.Errorf("%w (%s)", missing, strings.Join(lacking, ", ")))
	} else if len(lacking) > 0 {
		errs = append(errs, fmt.Errorf("not known from %s: give %s", data, strings.Join(lacking, ", ")))
	}
	return to, run.UsageError(errors.Join(errs...))
}

func checkBrokers(list string) error {
	for _, broker := range (embedded.Addresses{Kafka: list}).Brokers() {
		if err := checkHostPort(broker); err != nil {
			return err
		}
	}
	return nil
}

func checkHostPort(s string) error {
	if host, port, err := net.SplitHostPort(s); err != nil || host == "" || port == "" {
		return fmt.Errorf("%q is not host:port", s)
	}
	return nil
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%q is not an http or https URL", s)
	}
	return nil
}

const (
	outputText = "text"
	outputJSON = "json"
)

// addOutput gives a command, and the commands below it, --output.
func addOutput(c *cobra.Command) {
	c.PersistentFlags().StringP("output", "o", outputText, "text for people, json for programs")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{outputText, outputJSON}, cobra.ShellCompDirectiveNoFileComp)) // fails only if the flag were not there
}

// wantsJSON reads --output. An unknown format is a usage error.
func wantsJSON(c *cobra.Command) (bool, error) {
	format, err := c.Flags().GetString("output")
	if err != nil {
		return false, err
	}
	switch format {
	case outputText:
		return false, nil
	case outputJSON:
		return true, nil
	}
	return false, run.UsageError(fmt.Errorf("--output: %q is neither %s nor %s", format, outputText, outputJSON))
}

// usageArgs makes wrong arguments a usage error.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error { return run.UsageError(check(c, args)) }
}
