// Command settingsdoc writes the table of settings from the source: the name of
// each environment variable and its default from the struct tags, its meaning
// from the comment of the field.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

const preamble = `# Settings

Services are set by environment variables. All faults are reported at once at start, with exit code 78; what cannot be reached is tried again instead.

The argument *migrate* (order migrate, payment migrate, inventory migrate) prepares database and schemas for a service whose roles may not. It waits for what cannot be reached, ends with 0 when all is done, and can be run again at any time: before a rollout, beside running services, by several at once.

<!-- written by make generate from the comments in the source; do not edit -->
`

func main() {
	out := flag.String("o", "", "file to write")
	flag.Parse()
	if err := write(*out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "settingsdoc:", err)
		os.Exit(1)
	}
}

// write documents the settings in Go files, each under a heading of its own.
func write(out string, files []string) error {
	var page bytes.Buffer
	page.WriteString(preamble)
	for _, arg := range files {
		title, file, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%q: expected title=file", arg)
		}
		rows, err := settings(file)
		if err != nil {
			return err
		}
		fmt.Fprintf(&page, "\n## %s\n", title)
		if len(rows) == 0 {
			page.WriteString("None of its own.\n")
			continue
		}
		page.WriteString("| variable | default | meaning |\n|---|---|---|\n")
		for _, r := range rows {
			fmt.Fprintf(&page, "| `%s` | %s | %s |\n", r.variable, r.preset, r.meaning)
		}
	}
	return os.WriteFile(out, page.Bytes(), 0o644)
}

type row struct{ variable, preset, meaning string }

var errUndocumented = errors.New("a setting needs a comment that says what it means")

// settings returns the fields with an env tag, in the order of the source. A
// field without a comment shares that of the one before.
func settings(file string) ([]row, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Clean(file), nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var rows []row
	var failed error
	ast.Inspect(parsed, func(n ast.Node) bool {
		fields, ok := n.(*ast.StructType)
		if !ok || failed != nil {
			return failed == nil
		}
		meaning := ""
		for _, f := range fields.Fields.List {
			if text := strings.Join(strings.Fields(f.Doc.Text()), " "); text != "" {
				meaning = text
			}
			r, isSetting, err := setting(f, meaning)
			if err != nil {
				failed = fmt.Errorf("%s: %w", file, err)
			}
			if isSetting {
				rows = append(rows, r)
			}
		}
		return true
	})
	return rows, failed
}

func setting(f *ast.Field, meaning string) (row, bool, error) {
	if f.Tag == nil {
		return row{}, false, nil
	}
	raw, err := strconv.Unquote(f.Tag.Value)
	if err != nil {
		return row{}, false, err
	}
	tag := reflect.StructTag(raw)
	name, _, _ := strings.Cut(tag.Get("env"), ",")
	if name == "" {
		return row{}, false, nil
	}
	if meaning == "" {
		return row{}, true, fmt.Errorf("%s: %w", name, errUndocumented)
	}
	preset := ""
	if value := tag.Get("envDefault"); value != "" {
		preset = "`" + value + "`"
	}
	return row{name, preset, strings.ReplaceAll(meaning, "|", `\|`)}, true, nil
}
