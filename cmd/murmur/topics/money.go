package topics

import (
	"fmt"
	"strings"
)

// The currencies of ISO 4217 whose minor unit is not a hundredth.
const (
	noDecimals    = " BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF "
	threeDecimals = " BHD IQD JOD KWD LYD OMR TND "
)

// Money prints an amount of minor units, such as 12.34 GBP.
func Money(minor int64, currency string) string {
	decimals := 2
	switch code := " " + currency + " "; {
	case len(currency) != 3: // unknown: as it is
		return strings.TrimRight(fmt.Sprintf("%d %s", minor, currency), " ")
	case strings.Contains(noDecimals, code):
		decimals = 0
	case strings.Contains(threeDecimals, code):
		decimals = 3
	}
	digits := fmt.Sprintf("%0*d", decimals+1, max(minor, -minor))
	sign := ""
	if minor < 0 {
		sign = "-"
	}
	if decimals == 0 {
		return sign + digits + " " + currency
	}
	point := len(digits) - decimals
	return sign + digits[:point] + "." + digits[point:] + " " + currency
}
