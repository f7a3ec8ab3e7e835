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
)

// defaultData is the data folder of a platform in the current directory.
const defaultData = ".murmuration"

type upFlags struct {
	data     string
	logLevel string
	deadline time.Duration
	anyPorts bool
	profile  string
}

func (f *upFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.data, "data", defaultData, "folder for everything that is kept")
	c.Flags().StringVar(&f.logLevel, "log-level", "warn", "of the services: debug, info, warn or error")
	c.Flags().DurationVar(&f.deadline, "deadline", 15*time.Minute, "how long an order may wait for payment and reservation")
	c.Flags().BoolVar(&f.anyPorts, "any-ports", false, "take free ports instead of the usual ones")
	c.Flags().StringVar(&f.profile, "cpuprofile", "", "write a CPU profile of the run to this file")
}

func (f *upFlags) config() embedded.Config {
	cfg := embedded.Config{Data: f.data, LogLevel: f.logLevel, Deadline: f.deadline}
	if !f.anyPorts {
		cfg.Ports = embedded.DefaultPorts()
	}
	return cfg
}

func newUp() *cobra.Command {
	var flags upFlags
	c := &cobra.Command{
		Use:   "up",
		Short: "Run the whole platform in this process: broker, registry, gateway, three services",
		Args:  cobra.NoArgs,
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
	p, err := embedded.Open(flags.config())
	if err != nil {
		return err
	}
	printReplaced(out, p)
	return p.Run(ctx, func() {
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
