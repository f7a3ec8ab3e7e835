// Command valuesdoc writes the tables of a chart's values into its README, from the
// comments in values.yaml: each value, its default, what it means. Its arguments are
// the values and the README, which keeps what stands above the marker.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
)

// marker is the line of the README behind which everything is written anew.
const marker = "<!-- written by make generate from the comments in values.yaml; do not edit -->\n"

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "valuesdoc: expected values.yaml and README.md")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "valuesdoc:", err)
		os.Exit(1)
	}
}

func write(values, readme string) error {
	source, err := os.ReadFile(values)
	if err != nil {
		return err
	}
	page, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	kept, _, found := bytes.Cut(page, []byte(marker))
	if !found {
		return fmt.Errorf("%s has no line %q", readme, strings.TrimSpace(marker))
	}
	sections, err := read(source)
	if err != nil {
		return fmt.Errorf("%s: %w", values, err)
	}
	return os.WriteFile(readme, append(append(kept, marker...), tables(sections)...), 0o644)
}

// section is a top-level value that has others below it, or all that have none.
type section struct {
	name, meaning string
	rows          []row
}

type row struct{ value, preset, meaning string }

var errUnexplained = errors.New("a value needs a comment that says what it means")

func tables(sections []section) []byte {
	var page bytes.Buffer
	for _, s := range sections {
		fmt.Fprintf(&page, "\n### %s\n", s.name)
		if s.meaning != "" {
			fmt.Fprintf(&page, "%s\n\n", s.meaning)
		}
		page.WriteString("| value | default | meaning |\n|---|---|---|\n")
		for _, r := range s.rows {
			fmt.Fprintf(&page, "| `%s` | %s | %s |\n", r.value, r.preset, r.meaning)
		}
	}
	return page.Bytes()
}
