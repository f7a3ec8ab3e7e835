package order

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// The bounds of an order. They keep its record far below the largest Kafka
// message and its sums far below the largest integer.
const (
	MaxLines       = 1_000             // real baskets reach about 700
	MaxQuantity    = 1_000_000         // units on one line; real ones reach 81,000
	MaxTotal       = 1_000_000_000_000 // minor units, so that no sum can overflow
	MaxID          = 64                // characters of an order, customer, return or method id
	MaxSKU         = 64                // characters
	MaxDescription = 200               // characters
	MaxReason      = 500               // characters a customer may give
	MaxReturns     = 1_000             // returns of one order; each is remembered by its id
)

func (c Place) validate() error {
	var f faults
	checkID(&f, "id", c.ID)
	if c.Customer != "" {
		checkText(&f, "customer", c.Customer, MaxID)
	}
	if !knownCurrency(c.Currency) {
		f.addf("currency", "%q is not an active ISO 4217 code", c.Currency)
	}
	if c.At <= 0 {
		f.addf("at", "is not set")
	}
	if c.Deadline <= c.At {
		f.addf("deadline", "is not after the order")
	}
	total, ok := checkLines(&f, c.Lines)
	switch {
	case c.PaymentMethod != "":
		checkText(&f, "payment_method", c.PaymentMethod, MaxID)
	case ok && total > 0:
		f.addf("payment_method", "is required unless the total is 0")
	}
	return f.err()
}

// checkLines returns the total, and false when it is not to be trusted.
func checkLines(f *faults, lines []Line) (total int64, ok bool) {
	if len(lines) == 0 {
		f.addf("lines", "an order needs at least one line")
	}
	if len(lines) > MaxLines {
		f.addf("lines", "%d lines, at most %d are possible", len(lines), MaxLines)
		return 0, false
	}
	before := len(f.fields)
	for i, l := range lines {
		checkLine(f, fmt.Sprintf("lines[%d].", i), i, l)
		// Checked one by one, the sum stays below 2×MaxTotal: no overflow.
		if l.Amount >= 0 && l.Amount <= MaxTotal && total <= MaxTotal {
			total += l.Amount
		}
	}
	if total > MaxTotal {
		f.addf("lines", "the total is above %d minor units", int64(MaxTotal))
	}
	return total, len(f.fields) == before
}

func checkLine(f *faults, path string, i int, l Line) {
	if l.Line != 0 && int(l.Line) != i+1 {
		f.addf(path+"line", "is %d, lines are numbered by position", l.Line)
	}
	checkText(f, path+"sku", l.SKU, MaxSKU)
	if l.Description != "" {
		checkText(f, path+"description", l.Description, MaxDescription)
	}
	if l.Quantity < 1 || l.Quantity > MaxQuantity {
		f.addf(path+"quantity", "is %d, must be 1 to %d", l.Quantity, MaxQuantity)
	}
	if l.Amount < 0 || l.Amount > MaxTotal {
		f.addf(path+"amount", "is %d, must be 0 to %d minor units", l.Amount, int64(MaxTotal))
	}
	if l.Kind != KindGoods && l.Kind != KindService {
		f.addf(path+"kind", "is %q, must be %s or %s", l.Kind, KindGoods, KindService)
	}
	if l.Returned != 0 {
		f.addf(path+"returned", "a new order has nothing returned")
	}
}

func checkText(f *faults, field, value string, longest int) {
	switch {
	case value == "":
		f.addf(field, "is required")
	case !utf8.ValidString(value):
		f.addf(field, "is not UTF-8")
	case utf8.RuneCountInString(value) > longest:
		f.addf(field, "is longer than %d characters", longest)
	default:
		for _, r := range value {
			if unicode.IsControl(r) {
				f.addf(field, "holds a control character")
				return
			}
		}
	}
}

// checkID allows what is safe in a stream's name, a path and a Kafka key.
func checkID(f *faults, field, id string) {
	if id == "" || len(id) > MaxID {
		f.addf(field, "must have 1 to %d characters", MaxID)
		return
	}
	for _, r := range id {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		if !letter && r != '-' && r != '_' && r != '.' && r != ':' {
			f.addf(field, "may hold letters, digits and - _ . : only")
			return
		}
	}
}
