package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"time"

	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// defaultData is the data folder of a platform in the current directory.
const defaultData = ".murmuration"

type upFlags struct {
	data     string
	logLevel string
	deadline time.Duration
	anyPorts bool
	profile  string
	external embedded.External
}

func (f *upFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.data, "data", defaultData, "folder for everything that is kept")
	c.Flags().StringVar(&f.logLevel, "log-level", "warn", "of the services: debug, info, warn or error")
	c.Flags().DurationVar(&f.deadline, "deadline", 15*time.Minute, "how long an order may wait for payment and reservation")
	c.Flags().BoolVar(&f.anyPorts, "any-ports", false, "take free ports instead of the usual ones")
	c.Flags().StringVar(&f.external.Kafka, "kafka", "", "host:port of brokers to use, separated by commas, in place of the embedded one")
	c.Flags().StringVar(&f.external.Postgres, "postgres", "", "URL of a PostgreSQL server to use in place of the embedded databases; each service gets a database of its own there")
	c.Flags().StringVar(&f.external.Registry, "registry", "", "URL of a Confluent-compatible schema registry to use in place of the embedded one")
	c.Flags().StringVar(&f.profile, "cpuprofile", "", "write a CPU profile of the run to this file")
}

// open takes ports and folder of the platform that the flags describe. How servers
// of one's own are reached is in the environment, as for services.
func (f *upFlags) open() (*embedded.Platform, error) {
	cfg := embedded.Config{Data: f.data, LogLevel: f.logLevel, Deadline: f.deadline, External: f.external}
	if !f.anyPorts {
		cfg.Ports = embedded.DefaultPorts()
	}
	var err error
	if cfg.External.Access, err = embedded.AccessFromEnvironment(); err != nil {
		return nil, err
	}
	return embedded.Open(cfg)
}

// runPlatform runs a platform; what its brokers refuse has the exit code of wrong
// settings.
func runPlatform(ctx context.Context, p *embedded.Platform, ready func()) error {
	err := p.Run(ctx, ready)
	if refused := kafkaRefusal(err); refused != nil && run.ExitCode(err) != run.ExitConfig {
		return refused
	}
	return err
}

// where says where everything is, for people.
func (f *upFlags) where() string {
	if f.external == (embedded.External{}) {
		return "all of it in this process and in " + f.data
	}
	return "on the servers that were given, the rest in this process and in " + f.data
}

func newUp() *cobra.Command {
	var flags upFlags
	c := &cobra.Command{
		Use:   "up",
		Short: "Run the whole platform in this process: broker, registry, gateway, three services",
		Long: `up runs the three services, and around them a Kafka broker, a schema registry, a card
gateway simulator and a database file for each service, all in this process and in
one data folder.

With --kafka, --postgres or --registry the services use servers of your own, each in
place of the embedded part; what is left out stays embedded, and the gateway is
simulated in any case. The topics are declared at the broker. On the PostgreSQL
server each service has a database of its own, murmuration_order,
murmuration_payment and murmuration_inventory, which are made if the role in the
URL may do so. A server that does not answer at start ends the program with exit
code 75, one that refuses with 78; one that goes away later is waited for.

How servers of your own are reached beyond that is in the environment, in the
variables of the services: KAFKA_TLS, KAFKA_CA_FILE, KAFKA_USERNAME, KAFKA_PASSWORD,
SCHEMA_REGISTRY_USERNAME and SCHEMA_REGISTRY_PASSWORD; for PostgreSQL it is in the
URL (sslmode=verify-full&sslrootcert=ca.pem).

Keep to one data folder for one set of servers: the gateway's ledger is in it.`,
		Example: `  murmur up
  murmur up --kafka 127.0.0.1:29092 --postgres postgres://postgres:secret@127.0.0.1:5432 \
    --registry http://127.0.0.1:8081/apis/ccompat/v7`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return up(c.Context(), flags, c.OutOrStdout())
		},
	}
	flags.register(c)
	return c
}

func up(ctx context.Context, flags upFlags, out io.Writer) error {
	start := time.Now()
	if flags.profile != "" {
		file, err := os.Create(flags.profile)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }() // a profile that is cut short says so itself
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	p, err := flags.open()
	if err != nil {
		return err
	}
	printReplaced(out, p)
	return runPlatform(ctx, p, func() {
		printAddresses(out, p)
		fmt.Fprintf(out, "ready after %d ms; Ctrl-C stops it\n", time.Since(start).Milliseconds())
	})
}

func printReplaced(out io.Writer, p *embedded.Platform) {
	for _, r := range p.Replaced {
		fmt.Fprintf(out, "port %d of %s is taken: using %d instead\n", r.Wanted, r.Name, r.Used)
	}
}

func printAddresses(out io.Writer, p *embedded.Platform) {
	a := p.Addresses
	for _, line := range [][2]string{
		{"orders", a.Order.API}, {"payments", a.Payment.API}, {"inventory", a.Inventory.API},
		{"kafka", a.Kafka}, {"schema registry", a.Registry}, {"card gateway", a.Gateway},
		{"operations", a.Order.Ops + " " + a.Payment.Ops + " " + a.Inventory.Ops},
	} {
		fmt.Fprintf(out, "  %-16s %s\n", line[0], line[1])
	}
}
