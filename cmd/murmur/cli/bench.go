package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/cmd/murmur/bench"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

func newBench() *cobra.Command {
	var shape string
	var whole bool
	cfg := bench.Config{}
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure a running platform: orders a second, and how long they take",
		Example: `  murmur bench --orders 3000 --rate 100          # open loop, small orders
  murmur bench --orders 20000                     # as fast as it goes
  murmur bench --orders 3000 --shape real         # 20 lines an order in the mean
  murmur bench --suite                            # everything, on a platform of its own`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if whole {
				return suite(c.Context(), c.OutOrStdout())
			}
			switch shape {
			case bench.Small.Name:
				cfg.Shape = bench.Small
			case bench.Real.Name:
				cfg.Shape = bench.Real
			default:
				return run.UsageError(fmt.Errorf("shape is %q: use %s or %s", shape, bench.Small.Name, bench.Real.Name))
			}
			to, err := target(c, orderAddress, inventoryAddress, kafkaAddress)
			if err != nil {
				return err
			}
			return measure(c.Context(), to, cfg, c.OutOrStdout())
		},
	}
	addTarget(c)
	c.Flags().BoolVar(&whole, "suite", false, "start a platform of its own in an empty folder and measure all that it aims at")
	c.Flags().StringVar(&shape, "shape", bench.Small.Name, "of the orders: small (2 lines in the mean) or real (20)")
	c.Flags().IntVar(&cfg.Orders, "orders", 3000, "how many orders to place")
	c.Flags().Float64Var(&cfg.Rate, "rate", 0, "orders due a second; 0: as fast as it goes")
	c.Flags().Uint64Var(&cfg.Seed, "seed", 1, "makes the same orders again")
	c.Flags().DurationVar(&cfg.Patience, "patience", 0, "bound of the run (default 5m)")
	return c
}
