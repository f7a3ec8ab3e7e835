package replay

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// detailsPrinted bounds the reasons of one outcome; the report has more.
const detailsPrinted = 3

// Grouped writes a number with its thousands apart: 12,795.
func Grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Pounds writes pence as pounds: £1,234.56.
func Pounds(pence int64) string {
	sign := ""
	if pence < 0 {
		sign, pence = "-", -pence
	}
	return fmt.Sprintf("%s£%s.%02d", sign, Grouped(pence/100), pence%100)
}

// Print writes the report as a table.
func (r *Report) Print(out io.Writer) error {
	rows := [][]string{{"", "invoices", "lines", "amount"}}
	for _, t := range r.Outcomes {
		rows = append(rows, []string{string(t.Outcome), Grouped(int64(t.Invoices)), Grouped(int64(t.Lines)), Pounds(t.Amount)})
	}
	rows = append(rows, []string{"all, as read", Grouped(int64(r.Invoices)), Grouped(int64(r.Lines)), ""})
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		line := fmt.Sprintf("  %-*s", widths[0], row[0])
		for i, cell := range row[1:] {
			line += fmt.Sprintf("  %*s", widths[i+1], cell)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	for _, t := range r.Outcomes {
		for _, d := range t.Details[:min(len(t.Details), detailsPrinted)] {
			fmt.Fprintf(&b, "  %s: %s (%s lines, first %s)\n", t.Outcome, printable(d.Reason), Grouped(int64(d.Lines)), printable(d.First))
		}
	}
	if r.DifferentlyPaid > 0 {
		fmt.Fprintf(&b, "  %s of the orders were there before, paid as another replay had assumed\n", Grouped(int64(r.DifferentlyPaid)))
	}
	if r.StockedBefore > 0 {
		fmt.Fprintf(&b, "  %s SKUs had their opening stock before, as another replay had assumed\n", Grouped(int64(r.StockedBefore)))
	}
	_, err := io.WriteString(out, b.String())
	return err
}
