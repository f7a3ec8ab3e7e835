package replay

import (
	"fmt"
	"math/bits"
	"strings"
	"time"
)

// Line is one line of a file, as it stands there.
type Line struct {
	// File counts the files of a plan from 0; Number is the line's number in it,
	// the header being 1.
	File, Number int
	Invoice      string
	SKU          string
	Description  string
	Quantity     int64 // units; below 0 for what comes back or is written off
	At           time.Time
	Price        Price  // of one unit
	Customer     string // empty for a guest
	Country      string
}

// Amount is what the whole line costs in pence, rounded once, half away from
// zero: a price can have more decimals than money has.
func (l Line) Amount() int64 { return l.Price.times(l.Quantity) }

// Price is in millionths of a pound.
type Price int64

const (
	priceDigits = 6      // decimals that a Price can hold
	perPence    = 10_000 // Price units in a penny
	maxPounds   = 100_000_000
	// maxUnits and maxPence bound a line, so that no product and no sum over the
	// lines of a file can overflow. The platform accepts less.
	maxUnits = 100_000_000
	maxPence = 1_000_000_000_000
)

// parsePrice reads a decimal number such as 2.55 or -11062.06.
func parsePrice(s string) (Price, error) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	if whole == "" || len(fraction) > priceDigits || len(whole) > len("100000000") {
		return 0, fmt.Errorf("%q is not a price in pounds", s)
	}
	var v int64
	for _, c := range whole + fraction + strings.Repeat("0", priceDigits-len(fraction)) {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%q is not a price in pounds", s)
		}
		v = v*10 + int64(c-'0')
	}
	if v > maxPounds*100*perPence {
		return 0, fmt.Errorf("price %s is above %d pounds", s, maxPounds)
	}
	if negative {
		v = -v
	}
	return Price(v), nil
}

// times is the price of a quantity within ±maxUnits, in pence.
func (p Price) times(quantity int64) int64 {
	negative := (p < 0) != (quantity < 0)
	hi, lo := bits.Mul64(magnitude(int64(p)), magnitude(quantity))
	lo, carry := bits.Add64(lo, perPence/2, 0)
	pence, _ := bits.Div64(hi+carry, lo, perPence)
	if negative {
		return -int64(pence)
	}
	return int64(pence)
}

func magnitude(v int64) uint64 {
	if v < 0 {
		return uint64(-v)
	}
	return uint64(v)
}

// services are codes that carry money and have no stock behind them: postage,
// carriage, manual entries, discounts, samples, bank charges, commissions and
// adjustments, as the data set uses them.
var services = map[string]bool{
	"POST": true, "DOT": true, "C2": true, "M": true, "D": true, "B": true, "S": true,
	"CRUK": true, "PADS": true, "BANK CHARGES": true, "AMAZONFEE": true,
}

// voucherPrefix begins the codes of gift vouchers.
const voucherPrefix = "gift_"

// Service reports whether a stock code carries money and no stock. Unlike those
// of goods, these codes are not told apart by case.
func Service(sku string) bool {
	return services[strings.ToUpper(sku)] || strings.HasPrefix(strings.ToLower(sku), voucherPrefix)
}

// mulDiv is a·b/c rounded down, for 0 ≤ b ≤ c and a ≥ 0, without overflow.
func mulDiv(a, b, c int64) int64 {
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	quotient, _ := bits.Div64(hi, lo, magnitude(c))
	return int64(quotient)
}
