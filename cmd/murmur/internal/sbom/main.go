// Command sbom writes, beside each program, a bill of its materials: CycloneDX as
// JSON, of the modules that the program itself says were linked into it.
//
// The same program and arguments give the same bytes, on any machine. What it does
// not do: it knows no licences, and nothing of what the program meets when it runs.
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// suffix is what tools take a CycloneDX document for.
const suffix = ".cdx.json"

func main() {
	version := flag.String("version", "dev", "version of the programs, and of their modules that have none of their own")
	created := flag.String("created", "", "when they were made, as 2006-01-02T15:04:05Z; empty leaves it out")
	flag.Parse()
	if err := write(*version, *created, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func write(version, created string, programs []string) error {
	if len(programs) == 0 {
		return errors.New("expected programs")
	}
	for _, program := range programs {
		content, err := os.ReadFile(program)
		if err != nil {
			return err
		}
		info, err := buildinfo.ReadFile(program)
		if err != nil {
			return fmt.Errorf("%s: %w", program, err)
		}
		bill := describe(filepath.Base(program), version, created, sha256.Sum256(content), info)
		text, err := json.MarshalIndent(bill, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(program+suffix, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	return nil
}
