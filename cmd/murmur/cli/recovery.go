package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/pkg/run"
	"github.com/murmuration-dev/murmuration/schemas"
	inventory "github.com/murmuration-dev/murmuration/services/inventory/app"
	order "github.com/murmuration-dev/murmuration/services/order/app"
	payment "github.com/murmuration-dev/murmuration/services/payment/app"
)

// recoveryHelp says how the commands of this file find everything.
const recoveryHelp = `It works with what the service itself works with: run it with the service's
environment (DATABASE_URL, KAFKA_BROKERS and its credentials, SCHEMA_REGISTRY_URL), or
give the addresses. For a platform of ` + "`murmur up`" + `, stopped, --data is enough: what was
embedded there is started for as long as it takes.`

// recoveryFlags are those of the commands that bring a database and its topics
// together again.
type recoveryFlags struct {
	data, database, kafka, registry string
	deadline                        time.Duration
	apply                           bool
}

func (f *recoveryFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.data, "data", "", "data folder of a stopped platform of `murmur up`")
	c.Flags().StringVar(&f.database, "database", "", "URL of the service's database (default: DATABASE_URL, or the data folder's)")
	c.Flags().StringVar(&f.kafka, "kafka", "", "host:port of brokers, separated by commas (default: KAFKA_BROKERS, or the data folder's)")
	c.Flags().StringVar(&f.registry, "registry", "", "URL of the schema registry (default: SCHEMA_REGISTRY_URL, or the data folder's)")
	c.Flags().DurationVar(&f.deadline, "deadline", 15*time.Minute, "of a placed order whose own is not known any more")
	c.Flags().BoolVar(&f.apply, "apply", false, "change the database")
	addOutput(c)
}

type recoveryWork func(ctx context.Context, r *participant.Recovery, asJSON bool) error

// run opens a service and lets work look at it or change it.
func (f *recoveryFlags) run(c *cobra.Command, name string, work recoveryWork) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	spec, err := f.spec(name)
	if err != nil {
		return err
	}
	settings, err := participant.Load[participant.Settings]()
	if err != nil {
		return err
	}
	settings.DatabaseURL = cmp.Or(f.database, settings.DatabaseURL)
	settings.RegistryURL = cmp.Or(f.registry, settings.RegistryURL)
	if f.kafka != "" {
		settings.KafkaBrokers = strings.Split(f.kafka, ",")
	}
	if f.data == "" {
		return recoverService(c.Context(), settings, spec, asJSON, work)
	}
	return embedded.Aside(c.Context(), f.data, func(ctx context.Context, s embedded.Surroundings) error {
		settings.DatabaseURL = cmp.Or(settings.DatabaseURL, s.Database(name))
		settings.RegistryURL = cmp.Or(settings.RegistryURL, s.Registry)
		if len(settings.KafkaBrokers) == 0 {
			settings.KafkaBrokers = []string{s.Kafka}
		}
		return recoverService(ctx, settings, spec, asJSON, work)
	})
}

func recoverService(ctx context.Context, settings participant.Settings, spec participant.Spec, asJSON bool, work recoveryWork) error {
	r, err := participant.OpenRecovery(ctx, settings, spec, zap.NewNop())
	if err != nil {
		return err
	}
	err = errors.Join(work(ctx, r, asJSON), r.Close())
	if errors.Is(err, participant.ErrServiceRuns) {
		return run.ConfigError(err)
	}
	return err
}

// spec is that of a service by name. None of them asks anybody outside.
func (f *recoveryFlags) spec(name string) (participant.Spec, error) {
	switch name {
	case schemas.OrderService:
		return order.Spec(order.Config{Deadline: f.deadline}), nil
	case schemas.PaymentService:
		return payment.Spec(nil), nil
	case schemas.InventoryService:
		return inventory.Spec(), nil
	}
	return participant.Spec{}, run.UsageError(fmt.Errorf("%q is no service: %s, %s or %s",
		name, schemas.OrderService, schemas.PaymentService, schemas.InventoryService))
}
