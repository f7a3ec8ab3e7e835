package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/cmd/murmur/audit"
	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/cmd/murmur/replay"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// madeEvery is how rare the made returns are: some ten of the day's orders.
const madeEvery = 12

func newDemo() *cobra.Command {
	var (
		flags upFlags
		exit  bool
	)
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run the platform, replay one real trading day, audit it",
		Long: `demo runs the whole platform in this process, replays one real trading day of a UK
gift shop (3,108 lines, 143 invoices), makes some returns and audits the result.
Then it stays up, for you to look around; with --exit it ends there, with the exit
code of the audit. Run again on the same data it goes on where it was.

` + replay.Attribution,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return demo(c, flags, exit)
		},
	}
	flags.register(c)
	c.Flags().BoolVar(&exit, "exit", false, "end after the audit, with its exit code")
	return c
}

// demo runs the platform and, as soon as it is ready, the show on it.
func demo(c *cobra.Command, flags upFlags, exit bool) error {
	out := c.OutOrStdout()
	day, err := replay.Day()
	if err != nil {
		return err
	}
	plan, err := replay.NewPlan([]replay.File{day}, replay.DefaultAssumptions)
	if err != nil {
		return err
	}
	again := holdsData(flags.data)
	start := time.Now()
	platform, err := flags.open()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nOne real trading day, 1 December 2010, through three services and no coordinator\n\n")
	if again {
		fmt.Fprintf(out, "%s has data already: going on from there, nothing is done twice\n\n", flags.data)
	}
	ctx, stop := context.WithCancel(c.Context())
	defer stop()
	ready := make(chan struct{})
	ran := make(chan error, 1)
	go func() {
		defer stop() // without a platform there is no show
		ran <- runPlatform(ctx, platform, func() { close(ready) })
	}()
	select {
	case err := <-ran:
		return err
	case <-ready:
	}
	fmt.Fprintf(out, "1. The platform is up (%s), %s\n", seconds(start), flags.where())
	printAddresses(out, platform)
	show := demonstration{to: platform.Addresses, plan: plan, data: flags.data, command: c, out: out, progress: c.ErrOrStderr()}
	err = show.run(ctx, start)
	if err == nil && !exit {
		show.invite()
	}
	if err != nil || exit {
		stop()
	}
	if failed := <-ran; failed != nil {
		return failed // whatever the show came to, this is why
	}
	return err
}

// demonstration is what happens on a platform that is up.
type demonstration struct {
	to            embedded.Addresses
	plan          *replay.Plan
	data          string
	command       *cobra.Command
	out, progress io.Writer
}

// run replays, returns and audits. Its error has the audit's exit code.
func (d demonstration) run(ctx context.Context, start time.Time) error {
	step := time.Now()
	fmt.Fprintf(d.out, "\n2. Replaying the day's invoices through the public APIs\n")
	flags := replayFlags{assumptions: d.plan.Assumptions, report: filepath.Join(d.data, reportName)}
	report, err := sendPlan(ctx, d.to, d.plan, flags, d.out, d.progress)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "  every line by number: %s (%s)\n", flags.report, seconds(step))

	step = time.Now()
	made, err := replay.MakeReturns(ctx, d.to, d.plan, report, madeEvery, flags.config)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "\n3. Made returns, since the day itself has but one: every %dth completed order gives a line back\n", madeEvery)
	fmt.Fprintf(d.out, "  %d returns, %s refunded and the goods back in stock (%s)\n", made.Returns, replay.Pounds(made.Refund), seconds(step))

	step = time.Now()
	fmt.Fprintf(d.out, "\n4. Audit: every record against every event, stock against reservations, orders against the gateway's ledger\n")
	snapshot, err := audit.Collect(ctx, d.to, audit.Options{Wait: auditWait})
	if err != nil {
		return run.TempFailError(fmt.Errorf("audit: %w", err))
	}
	err = tell(d.command, audit.Check(snapshot), false)
	fmt.Fprintf(d.out, "(%s; all of the demo %s)\n", seconds(step), seconds(start))
	return err
}

// invite says what to try on a platform that stays up.
func (d demonstration) invite() {
	where := ""
	if d.data != defaultData {
		where = " --data " + d.data
	}
	fmt.Fprintf(d.out, "\nIt stays up; Ctrl-C stops it, and the data stays. Try, in another terminal:\n")
	hints := tabwriter.NewWriter(d.out, 0, 0, 3, ' ', 0)
	hint := func(command, what string) { fmt.Fprintf(hints, "  %s\t%s\n", command, what) }
	for _, end := range []struct {
		outcome replay.Outcome
		what    string
	}{
		{replay.Completed, "one order, from its placement to its end, in three services"},
		{replay.OutOfStock, "one that ran short: nothing is held or taken for it"},
		{replay.CaptureRefused, "one that was refused at the last step: what was reserved is back"},
	} {
		if id := d.plan.Example(end.outcome); id != "" {
			hint(self()+" order "+id+where, end.what)
		}
	}
	hint(self()+" tail orders"+where, "the records as they are written, from the topic alone")
	hint("curl "+d.to.Order.API+"/orders/536365", "the same through the API")
	hint("kcat -b "+d.to.Kafka+` -t orders -e -f '%k  %h\n'`, "keys and headers are text for any Kafka tool")
	_ = hints.Flush() // what cannot be printed is no reason to stop
}

// self is how the reader of a hint starts this program: as it was started, for
// `go run` leaves nothing behind that could be called by its name.
func self() string {
	if strings.Contains(os.Args[0], "go-build") {
		return "go run ./cmd/murmur"
	}
	return filepath.Base(os.Args[0])
}

// holdsData reports whether a platform has run on a folder.
func holdsData(folder string) bool {
	_, err := embedded.ReadAddresses(folder)
	return err == nil
}

func seconds(since time.Time) string { return fmt.Sprintf("%.1f s", time.Since(since).Seconds()) }
