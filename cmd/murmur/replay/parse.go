package replay

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// dateFormats are those under which the data set is found.
var dateFormats = []string{time.DateTime, "1/2/2006 15:04"}

const (
	// maxName bounds invoice numbers, stock codes and customers: what the
	// platform takes for each.
	maxName = 64
	// maxDescription is how much of a description is sent.
	maxDescription = 200
)

// parse reads the fields of one line. It judges their form only: what they mean
// is for the plan.
func parse(fields []string) (Line, error) {
	if len(fields) != len(Columns) {
		return Line{}, fmt.Errorf("has %d columns, not %d", len(fields), len(Columns))
	}
	for i, f := range fields {
		if !utf8.ValidString(f) {
			return Line{}, fmt.Errorf("%s is not UTF-8", Columns[i])
		}
	}
	l := Line{
		Invoice: strings.TrimSpace(fields[0]), SKU: strings.TrimSpace(fields[1]), Description: strings.TrimSpace(fields[2]),
		// A column with gaps becomes one of floating-point numbers in many tools.
		Customer: strings.TrimSuffix(strings.TrimSpace(fields[6]), ".0"), Country: strings.TrimSpace(fields[7]),
	}
	if !isInvoice(l.Invoice) {
		return l, fmt.Errorf("InvoiceNo %q is not 1 to %d letters and digits", clip(l.Invoice), maxName)
	}
	if l.SKU == "" || l.SKU == "." || l.SKU == ".." || !isName(l.SKU) { // dots have a meaning in a path
		return l, fmt.Errorf("StockCode %q is not 1 to %d characters that can name goods", clip(l.SKU), maxName)
	}
	if !isName(l.Customer) {
		return l, fmt.Errorf("CustomerID %q is longer than %d characters or holds control characters", clip(l.Customer), maxName)
	}
	var err error
	if l.Quantity, err = strconv.ParseInt(strings.TrimSpace(fields[3]), 10, 64); err != nil || l.Quantity > maxUnits || l.Quantity < -maxUnits {
		return l, fmt.Errorf("quantity %q is not a whole number within ±%d", clip(fields[3]), maxUnits)
	}
	if l.Price, err = parsePrice(strings.TrimSpace(fields[5])); err != nil {
		return l, fmt.Errorf("UnitPrice: %w", err)
	}
	if amount := l.Amount(); amount > maxPence || amount < -maxPence {
		return l, fmt.Errorf("%d units at %s pounds are more money than a line may have", l.Quantity, strings.TrimSpace(fields[5]))
	}
	l.At, err = parseDate(strings.TrimSpace(fields[4]))
	// A line keeps no view into the reader's buffer of a whole record.
	l.Invoice, l.SKU, l.Description = strings.Clone(l.Invoice), strings.Clone(l.SKU), printable(l.Description)
	l.Customer, l.Country = strings.Clone(l.Customer), strings.Clone(l.Country)
	return l, err
}

func parseDate(s string) (time.Time, error) {
	for _, format := range dateFormats {
		if at, err := time.Parse(format, s); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("InvoiceDate %q is not like 2010-12-01 08:26:00", clip(s))
}

// isInvoice reports whether an invoice number can be an order id as it is.
func isInvoice(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) < 0
}

func isName(s string) bool {
	return utf8.RuneCountInString(s) <= maxName && strings.IndexFunc(s, unicode.IsControl) < 0
}

// printable makes a description one that the platform takes.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) > maxDescription {
		return string([]rune(s)[:maxDescription])
	}
	return strings.Clone(s)
}
