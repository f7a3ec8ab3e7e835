package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed" // for the day
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// File is a file that was read and is well formed.
type File struct {
	Name string
	// Digest identifies the content, compressed or not.
	Digest string
	Lines  []Line
}

// Columns are what the header of a file says.
var Columns = []string{"InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"}

const (
	// maxBytes and maxLines bound a file in memory; the whole data set has 45 MB
	// and 541,909 lines.
	maxBytes = 1 << 30
	maxLines = 5_000_000
	// maxFaults bounds what is said of a file that is not in this format at all.
	maxFaults = 10
)

// FormatError says why a file was refused as a whole.
type FormatError struct {
	File   string
	Faults []Fault
	More   bool // there are more faults than these
}

// Fault is one thing wrong with a file.
type Fault struct {
	Line    int // 0: the file as a whole
	Message string
}

func (e *FormatError) Error() string {
	parts := make([]string, 0, len(e.Faults)+1)
	for _, f := range e.Faults {
		if f.Line == 0 {
			parts = append(parts, f.Message)
		} else {
			parts = append(parts, fmt.Sprintf("line %d: %s", f.Line, f.Message))
		}
	}
	if e.More {
		parts = append(parts, "and more")
	}
	return e.File + ": refused, nothing of it was sent: " + strings.Join(parts, "; ")
}

//go:embed data/2010-12-01.csv.gz
var day []byte

// Day is the first trading day of the data set: 3,108 lines, 143 invoices.
func Day() (File, error) { return Read("2010-12-01.csv.gz", bytes.NewReader(day)) }

// Attribution is what is due wherever a part of the data set goes.
const Attribution = "Chen, D. (2015). Online Retail. UCI Machine Learning Repository. doi:10.24432/C5BW33 (CC BY 4.0)"

// ReadFile reads a file, plain or gzip. Errors: *FormatError, and those of the
// file system.
func ReadFile(path string) (File, error) {
	f, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer func() { _ = f.Close() }() // only read
	return Read(filepath.Base(path), f)
}

// Read reads a file from r, plain or gzip. Errors: *FormatError, and those of r.
func Read(name string, r io.Reader) (File, error) {
	buffered := bufio.NewReader(r)
	var content io.Reader = buffered
	zipped := false
	if magic, _ := buffered.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) { // a short file is no gzip
		unzipped, err := gzip.NewReader(buffered)
		if err != nil {
			return File{}, &FormatError{File: name, Faults: []Fault{{Message: "the gzip stream is broken: " + err.Error()}}}
		}
		content, zipped = unzipped, true
	}
	digest := sha256.New()
	limited := &io.LimitedReader{R: content, N: maxBytes + 1}
	parser := newParser(io.TeeReader(limited, digest))
	err := parser.all()
	switch {
	case err != nil && zipped:
		parser.fault(0, "the gzip stream is broken: "+err.Error())
	case err != nil:
		return File{}, fmt.Errorf("read %s: %w", name, err)
	case limited.N == 0:
		parser.fault(0, fmt.Sprintf("is larger than %d bytes", maxBytes))
	case len(parser.lines) == 0 && len(parser.faults) == 0:
		parser.fault(0, "has no lines below its header")
	}
	if len(parser.faults) > 0 {
		return File{}, &FormatError{File: name, Faults: parser.faults, More: parser.more}
	}
	return File{Name: name, Digest: hex.EncodeToString(digest.Sum(nil)), Lines: parser.lines}, nil
}

// parser collects the lines of one file, and what is wrong with them.
type parser struct {
	csv    *csv.Reader
	lines  []Line
	faults []Fault
	more   bool
}

// byteOrderMark is what some programs put in front of UTF-8.
const byteOrderMark = "\ufeff"

func newParser(r io.Reader) *parser {
	c := csv.NewReader(r)
	c.FieldsPerRecord = -1 // counted per line, to name it
	c.ReuseRecord = true
	return &parser{csv: c}
}

func (p *parser) fault(line int, message string) {
	if len(p.faults) >= maxFaults {
		p.more = true
		return
	}
	p.faults = append(p.faults, Fault{line, message})
}

// all reads to the end, or until there is no sense in going on. The error is
// that of the reader below.
func (p *parser) all() error {
	header, err := p.csv.Read()
	if err == nil {
		header[0] = strings.TrimPrefix(header[0], byteOrderMark)
		if !slices.Equal(header, Columns) {
			p.fault(1, fmt.Sprintf("the columns are %q, not %q", clip(strings.Join(header, ",")), strings.Join(Columns, ",")))
			return nil
		}
	}
	for !p.more {
		var fields []string
		if err == nil {
			fields, err = p.csv.Read()
		}
		var syntax *csv.ParseError
		switch {
		case errors.As(err, &syntax):
			p.fault(syntax.Line, syntax.Err.Error())
			err = nil
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		number, _ := p.csv.FieldPos(0)
		if len(p.lines) == maxLines {
			p.fault(number, fmt.Sprintf("a file may have %d lines at most", maxLines))
			return nil
		}
		line, err := parse(fields)
		if err != nil {
			p.fault(number, err.Error())
			continue
		}
		line.Number = number
		p.lines = append(p.lines, line)
	}
	return nil
}

// clip keeps a message short.
func clip(s string) string {
	const most = 120
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
