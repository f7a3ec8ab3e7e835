package replay

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Report accounts for every line and every invoice of a replay.
type Report struct {
	Files       []FileReport `json:"files"`
	Attribution string       `json:"attribution"`
	Assumptions Assumptions  `json:"assumptions"`
	Currency    string       `json:"currency"`
	Invoices    int          `json:"invoices"`
	Lines       int          `json:"lines"`
	Orders      int          `json:"orders"`
	// Seconds is the whole replay, OrdersPerSecond from the first order placed to
	// the last one ended.
	Seconds         float64 `json:"seconds"`
	OrdersPerSecond float64 `json:"orders_per_second"`
	// PlacedBefore counts orders that were there before this run.
	PlacedBefore int `json:"placed_before"`
	// DifferentlyPaid counts orders that were there before with another payment
	// method, and StockedBefore SKUs whose opening stock was received before in
	// another quantity: both come of other assumptions, and stay as they are.
	DifferentlyPaid int      `json:"differently_paid"`
	StockedBefore   int      `json:"stocked_before"`
	Outcomes        []Tally  `json:"outcomes"`
	CompletedOrders []string `json:"-"`
}

// FileReport is one file of a report.
type FileReport struct {
	Name     string `json:"name"`
	Digest   string `json:"sha256"`
	Lines    int    `json:"lines"`
	Invoices int    `json:"invoices"`
}

// Tally is all that came out one way.
type Tally struct {
	Outcome  Outcome `json:"outcome"`
	Meaning  string  `json:"meaning"`
	Invoices int     `json:"invoices"`
	Lines    int     `json:"lines"`
	// Amount is in minor units: what was paid, would have been paid, or was given
	// back.
	Amount int64 `json:"amount"`
	// At are the line numbers by file, as ranges such as 2-15; the header is 1.
	At map[string][]string `json:"at"`
	// Details are reasons, each with how many lines it is that of; at most
	// maxDetails of them, the most frequent first.
	Details []Detail `json:"details,omitempty"`
}

// Detail is a reason.
type Detail struct {
	Reason string `json:"reason"`
	Lines  int    `json:"lines"`
	First  string `json:"first"` // the first line of it, as file:line
}

// maxDetails bounds reasons: the platform words some with ids.
const maxDetails = 20

// newReport gives each line its fate and adds up. The error says that the sums
// do not agree with the files.
func newReport(p *Plan) (*Report, error) {
	p.conclude()
	r := &Report{Attribution: Attribution, Assumptions: p.Assumptions, Currency: currency, Invoices: len(p.invoices), Lines: p.lines, Orders: len(p.Orders)}
	invoices := make([]int, len(p.Files))
	tallies := make(map[Outcome]*tally)
	of := func(o Outcome) *tally {
		if tallies[o] == nil {
			tallies[o] = &tally{numbers: make(map[int][]int), details: make(map[string]*Detail)}
		}
		return tallies[o]
	}
	for _, inv := range p.invoices {
		invoices[inv.lines[0].File]++
		of(inv.outcome()).Invoices++
		for _, e := range inv.lines {
			of(e.fate.outcome).add(p, e)
		}
	}
	for i, f := range p.Files {
		r.Files = append(r.Files, FileReport{Name: f.Name, Digest: f.Digest, Lines: len(f.Lines), Invoices: invoices[i]})
	}
	for _, o := range Outcomes {
		if t := tallies[o.Outcome]; t != nil {
			r.Outcomes = append(r.Outcomes, t.finish(p, o.Outcome, o.Meaning))
		}
	}
	for _, o := range p.Orders {
		if o.outcome() == Completed {
			r.CompletedOrders = append(r.CompletedOrders, o.ID)
		}
	}
	err := r.check(p, tallies)
	return r, err
}

// check compares the sums of the report, and the lines by number, with the files
// as they were read.
func (r *Report) check(p *Plan, tallies map[Outcome]*tally) error {
	var invoices, lines, numbered int
	accounted := make(map[[2]int]bool) // file and line
	for _, t := range r.Outcomes {
		invoices += t.Invoices
		lines += t.Lines
		for _, ranges := range t.At {
			numbered += count(ranges)
		}
		for file, numbers := range tallies[t.Outcome].numbers {
			for _, n := range numbers {
				accounted[[2]int{file, n}] = true
			}
		}
	}
	read, missing := 0, 0
	distinct := make(map[string]bool)
	for i, f := range p.Files {
		read += len(f.Lines)
		for _, l := range f.Lines {
			distinct[strconv.Itoa(i)+"/"+l.Invoice] = true
			if !accounted[[2]int{i, l.Number}] {
				missing++
			}
		}
	}
	if lines != read || numbered != read || missing > 0 || invoices != len(distinct) {
		return fmt.Errorf("internal error: %d lines of %d invoices were read, and %d lines (%d by number, %d missing) of %d invoices are accounted for",
			read, len(distinct), lines, numbered, missing, invoices)
	}
	return nil
}

// tally is a Tally while it is added up.
type tally struct {
	Tally
	numbers map[int][]int // by file
	details map[string]*Detail
}

func (t *tally) add(p *Plan, e *entry) {
	t.Lines++
	t.Amount += e.fate.amount
	t.numbers[e.File] = append(t.numbers[e.File], e.Number)
	if e.fate.detail == "" {
		return
	}
	if t.details[e.fate.detail] == nil {
		t.details[e.fate.detail] = &Detail{Reason: e.fate.detail, First: fmt.Sprintf("%s:%d", p.Files[e.File].Name, e.Number)}
	}
	t.details[e.fate.detail].Lines++
}

func (t *tally) finish(p *Plan, o Outcome, meaning string) Tally {
	t.Outcome, t.Meaning, t.At = o, meaning, make(map[string][]string)
	for file, numbers := range t.numbers {
		name := p.Files[file].Name
		t.At[name] = append(t.At[name], ranges(numbers)...)
	}
	reasons := slices.SortedFunc(maps.Values(t.details), func(a, b *Detail) int {
		return cmp.Or(b.Lines-a.Lines, strings.Compare(a.Reason, b.Reason))
	})
	for _, d := range reasons[:min(len(reasons), maxDetails)] {
		t.Details = append(t.Details, *d)
	}
	return t.Tally
}

// ranges writes numbers as 2-15, 20.
func ranges(numbers []int) []string {
	numbers = slices.Clone(numbers)
	slices.Sort(numbers)
	var out []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		if i == j {
			out = append(out, strconv.Itoa(numbers[i]))
		} else {
			out = append(out, strconv.Itoa(numbers[i])+"-"+strconv.Itoa(numbers[j]))
		}
		i = j + 1
	}
	return out
}

// count is how many numbers stand in ranges.
func count(ranges []string) int {
	n := 0
	for _, r := range ranges {
		from, to, is := strings.Cut(r, "-")
		if !is {
			n++
			continue
		}
		a, errA := strconv.Atoi(from)
		b, errB := strconv.Atoi(to)
		if errors.Join(errA, errB) == nil {
			n += b - a + 1
		}
	}
	return n
}
