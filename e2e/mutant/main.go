// Command mutant plants defects and prints which tool finds each, in what time:
// the model checker, the simulation, or unit tests.
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
	flag.Parse()
	err := run(ctx, *only)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutant:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string) error {
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
