// Package document reads the commands out of a document for people, so that tests
// run the very commands that stand there.
package document

import (
	"fmt"
	"os"
	"strings"
)

// Commands returns the commands of a document by the heading that they stand
// under: the fenced blocks of language sh, one at most for each heading.
func Commands(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	blocks, err := commands(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return blocks, nil
}

func commands(text string) (map[string]string, error) {
	blocks := make(map[string]string)
	var heading string
	var block *strings.Builder
	fenced := false
	for line := range strings.SplitSeq(text, "\n") {
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
				return nil, fmt.Errorf("two blocks of commands under %q", heading)
			}
			blocks[heading], block = block.String(), nil
		case block != nil:
			block.WriteString(line + "\n")
		}
	}
	if fenced {
		return nil, fmt.Errorf("the last block under %q has no end", heading)
	}
	return blocks, nil
}
