package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/cmd/murmur/replay"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// reportName is the report's file in the data folder, or in the current one.
const reportName = "replay-report.json"

type replayFlags struct {
	assumptions replay.Assumptions
	config      replay.Config
	report      string
}

func (f *replayFlags) register(c *cobra.Command) {
	f.assumptions = replay.DefaultAssumptions
	flags := c.Flags()
	flags.Float64Var(&f.assumptions.Stock, "stock", f.assumptions.Stock, "opening stock, as a share of what the files order of each SKU")
	flags.Float64Var(&f.assumptions.Declines, "declines", f.assumptions.Declines, "share of orders whose card is declined")
	flags.Float64Var(&f.assumptions.CaptureRefusals, "capture-refusals", f.assumptions.CaptureRefusals, "share of orders whose card is refused at capture")
	flags.Uint64Var(&f.assumptions.Seed, "seed", f.assumptions.Seed, "chooses which orders those are")
	flags.IntVar(&f.config.Concurrency, "concurrency", replay.DefaultConcurrency, "requests open at once")
	flags.Float64Var(&f.config.Rate, "rate", 0, "orders a second; 0: as fast as they are accepted")
	flags.DurationVar(&f.config.Patience, "patience", replay.DefaultPatience, "how long the platform may be unable to answer, or to settle any order")
	flags.StringVar(&f.report, "report", "", "file for the report, with line numbers (default "+reportName+" in the data folder, or in the current one)")
}

func newReplay() *cobra.Command {
	var flags replayFlags
	c := &cobra.Command{
		Use:   "replay FILE…",
		Short: "Send real invoices to a running platform, and account for every line",
		Long: `replay reads invoices in the format of the data set "Online Retail" (CSV, plain or
gzip), sends them to a running platform through its public APIs, waits until all
orders are settled, and says what became of every line.

A file whose shape is wrong is refused before anything is sent. The same replay
again, also after a kill, goes on where it was: nothing is placed or received
twice. While the platform is down it tries again, for as long as --patience.

` + replay.Attribution,
		Example: `  murmur replay 2010-12.csv.gz 2011-01.csv.gz
  murmur replay orders.csv --stock 0.9 --declines 0.1 --rate 200`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return run.UsageError(errors.New("which files? murmur replay FILE…"))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			asJSON, err := wantsJSON(c)
			if err != nil {
				return err
			}
			return replayFiles(c, flags, args, asJSON)
		},
	}
	addTarget(c)
	addOutput(c)
	flags.register(c)
	return c
}

func replayFiles(c *cobra.Command, flags replayFlags, paths []string, asJSON bool) error {
	to, err := target(c, orderAddress, inventoryAddress)
	if err != nil {
		return err
	}
	files := make([]replay.File, len(paths))
	var faults []error
	for i, path := range paths {
		if files[i], err = replay.ReadFile(path); err != nil {
			faults = append(faults, err)
		}
	}
	if len(faults) > 0 {
		return run.UsageError(errors.Join(faults...))
	}
	plan, err := replay.NewPlan(files, flags.assumptions)
	if err != nil {
		return run.UsageError(err)
	}
	if flags.report == "" {
		data, err := c.Flags().GetString("data")
		if err != nil {
			return err
		}
		flags.report = defaultReport(data)
	}
	tell := c.OutOrStdout()
	if asJSON {
		tell = io.Discard
	}
	report, err := sendPlan(c.Context(), to, plan, flags, tell, c.ErrOrStderr())
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(c.OutOrStdout(), report)
	}
	fmt.Fprintf(tell, "  every line by number: %s\n", flags.report)
	return nil
}

// defaultReport is in the data folder if there is one.
func defaultReport(data string) string {
	if _, err := embedded.ReadAddresses(data); err != nil {
		return reportName
	}
	return filepath.Join(data, reportName)
}

// sendPlan replays a plan, telling people what it assumes and what came of it.
func sendPlan(ctx context.Context, to embedded.Addresses, plan *replay.Plan, flags replayFlags, tell, show io.Writer) (*replay.Report, error) {
	for _, f := range plan.Files {
		fmt.Fprintf(tell, "  %s: %s lines\n", f.Name, replay.Grouped(int64(len(f.Lines))))
	}
	fmt.Fprintf(tell, "  assumed, since the data has neither stock nor payments:\n")
	for _, s := range flags.assumptions.Sentences() {
		fmt.Fprintf(tell, "  · %s\n", s)
	}
	var progress replay.Progress
	report, err := displayed(ctx, &progress, show, func() (*replay.Report, error) {
		return replay.Run(ctx, to, plan, flags.config, &progress)
	})
	if err != nil {
		return nil, stopped(ctx, err, progress.Snapshot())
	}
	if err := writeReport(flags.report, report); err != nil {
		return nil, err
	}
	if report.PlacedBefore > 0 {
		fmt.Fprintf(tell, "  %s of the orders were there from an earlier run\n", replay.Grouped(int64(report.PlacedBefore)))
	}
	fmt.Fprintf(tell, "  %s orders settled, %s a second; %.1f s with stock and returns\n\n", replay.Grouped(int64(report.Orders)),
		replay.Grouped(int64(report.OrdersPerSecond)), report.Seconds)
	err = report.Print(tell)
	return report, err
}

// displayed shows progress while f works.
func displayed(ctx context.Context, p *replay.Progress, show io.Writer, f func() (*replay.Report, error)) (*replay.Report, error) {
	watching, stop := context.WithCancel(ctx)
	var display sync.WaitGroup
	display.Go(func() { p.Display(watching, show, isTerminal(show)) })
	defer display.Wait()
	defer stop()
	return f()
}

// stopped adds to an error how far the replay came, and that it can go on.
func stopped(ctx context.Context, err error, s replay.Snapshot) error {
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	return fmt.Errorf("replay: %w (%s of %s orders were placed and %s settled; the same command goes on from there)",
		err, replay.Grouped(s.Placed), replay.Grouped(s.Orders), replay.Grouped(s.Ended))
}

// writeReport replaces a report as a whole: nobody reads half of one.
func writeReport(file string, report *replay.Report) error {
	raw, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", append(raw, '\n'), 0o644); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return os.Rename(file+".new", file)
}

// isTerminal reports whether w is one.
func isTerminal(w io.Writer) bool {
	f, ok := w.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&fs.ModeCharDevice != 0
}
