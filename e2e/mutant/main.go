// Command mutant plants defects and prints which tool finds each, in what time:
// the model checker, the simulation, or unit tests; with -stack, tests on Apache Kafka
// and PostgreSQL in containers.
//
// Two kinds are planted. Those of packages model and sim are planted by their own
// tests, between the product and what surrounds it; this program runs these tests
// and reads what they say. The others are edits of the product's source
// ([sources]): they are planted in a copy of the file, which the go command takes
// instead (-overlay), and every tool is tried.
//
// It exits with an error when a defect is found by no tool, or when an edit no
// longer fits. That a tool finds nothing is no fault of it: the table tells what
// each is good for. It changes nothing in the tree, and must be run at its root.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	only := flag.String("run", "", "plant only those edits whose name matches this expression, and no others")
	stack := flag.Bool("stack", false, "try tests on Kafka and PostgreSQL (needs a Docker Engine)")
	also := flag.Bool("also", false, "with -stack: try the simulation and unit tests, too")
	flag.Parse()
	err := run(ctx, *only, *stack, *also)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutant:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string, stack, also bool) error {
	chosen, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left is temporary
	var t table
	if stack {
		if err := tryOnStack(ctx, dir, chosen, also, &t); err != nil {
			return err
		}
		fmt.Print(t.String())
		return t.unproved()
	}
	suites := []suite{
		{modelChecker, "./e2e/model", "^TestDefects"},
		{simulation, "./pkg/sim", "^TestFind_EveryPlantedDefect"},
	}
	if only != "" {
		suites = nil
	}
	for _, s := range suites {
		if err := s.collect(ctx, &t); err != nil {
			return err
		}
	}
	for _, d := range sources() {
		if !chosen.MatchString(d.name) {
			continue
		}
		if err := d.try(ctx, dir, &t); err != nil {
			return err
		}
	}
	fmt.Print(t.String())
	return t.missed()
}
