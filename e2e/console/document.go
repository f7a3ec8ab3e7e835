//go:build e2e

// Package console runs the commands of docs/console.md as they stand there, on
// Apache Kafka after a day of real orders, and checks what a person would see.
//
// A block of commands that is in the document and has no test here fails, and so
// does a test whose block is gone.
package console

import (
	"fmt"
	"os"
	"strings"
)

// readBlocks returns the commands of a document by the heading that they stand
// under: the fenced blocks of language sh, one at most for each heading.
func readBlocks(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	blocks := make(map[string]string)
	var heading string
	var block *strings.Builder
	fenced := false
	for line := range strings.SplitSeq(string(text), "\n") {
		switch {
		case !fenced && strings.HasPrefix(line, "## "):
			heading = strings.TrimPrefix(line, "## ")
		case !fenced && strings.HasPrefix(line, "```"):
			fenced = true
			if line == "```sh" {
				block = &strings.Builder{}
			}
		case fenced && line == "```":
			fenced = false
			if block == nil {
				continue
			}
			if blocks[heading] != "" {
				return nil, fmt.Errorf("%s: two blocks of commands under %q", file, heading)
			}
			blocks[heading], block = block.String(), nil
		case block != nil:
			block.WriteString(line + "\n")
		}
	}
	return blocks, nil
}
