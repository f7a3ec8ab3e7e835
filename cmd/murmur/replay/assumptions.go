package replay

import (
	"fmt"
	"hash/fnv"
	"math"
	"strings"
)

// Assumptions stand in for what the files do not say. The same ones, with the
// same files, make the same orders.
type Assumptions struct {
	// Stock is the share of what the files order of each SKU that is in stock at
	// first, rounded up; what they write off is in stock as well.
	Stock float64 `json:"stock"`
	// Declines is the share of orders whose card is declined, and CaptureRefusals
	// that of those whose capture is refused.
	Declines        float64 `json:"declines"`
	CaptureRefusals float64 `json:"capture_refusals"`
	// Seed chooses which orders those are.
	Seed uint64 `json:"seed"`
}

// DefaultAssumptions give a few orders of each end: at 99 % of the stock one in
// twelve of the first day's orders runs short, and about 2 % of those of half a
// year, month by month.
var DefaultAssumptions = Assumptions{Stock: 0.99, Declines: 0.03, CaptureRefusals: 0.005, Seed: 1}

// maxStock is many times any demand, and keeps quantities within bounds.
const maxStock = 1000

// Validate reports what is wrong with the assumptions.
func (a Assumptions) Validate() error {
	if !(a.Stock >= 0 && a.Stock <= maxStock) {
		return fmt.Errorf("stock %v: want a share between 0 and %d", a.Stock, maxStock)
	}
	if !(a.Declines >= 0 && a.CaptureRefusals >= 0 && a.Declines+a.CaptureRefusals <= 1) {
		return fmt.Errorf("declines %v and capture refusals %v: want shares of at most 1 together", a.Declines, a.CaptureRefusals)
	}
	return nil
}

// Sentences say the assumptions to people.
func (a Assumptions) Sentences() []string {
	return []string{
		fmt.Sprintf("opening stock is %s of what the files order of each SKU (rounded up), and all that they write off", percent(a.Stock)),
		"stock that the files find or write off is booked before the first order",
		fmt.Sprintf("%s of the cards are declined, %s are refused at capture (seed %d)", percent(a.Declines), percent(a.CaptureRefusals), a.Seed),
		"a cancellation returns an earlier purchase by the same customer: same price first, then the latest",
	}
}

func percent(share float64) string {
	text := strings.TrimRight(fmt.Sprintf("%.3f", share*100), "0")
	return strings.TrimSuffix(text, ".") + " %"
}

// Payment methods of the card gateway simulator.
const (
	cardGood           = "pm_card_visa"
	cardDeclined       = "pm_card_chargeDeclined"
	cardCaptureRefused = "pm_sim_captureRefused"
)

// card chooses how an invoice is paid.
func (a Assumptions) card(invoice string) string {
	switch u := a.uniform(invoice); {
	case u < a.Declines:
		return cardDeclined
	case u < a.Declines+a.CaptureRefusals:
		return cardCaptureRefused
	}
	return cardGood
}

// uniform is a number in [0, 1) that depends on seed and invoice alone.
func (a Assumptions) uniform(invoice string) float64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d/%s", a.Seed, invoice) // a hash takes everything
	// FNV leaves neighbouring names close together; this finalizer (that of
	// SplitMix64) spreads them.
	z := h.Sum64()
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	const bits = 53 // of a float64's significand
	return float64(z>>(64-bits)) / (1 << bits)
}

// opening is the stock at first of a SKU of which so much is ordered and written
// off.
func (a Assumptions) opening(ordered, writtenOff int64) int64 {
	// What 0.99 leaves behind the last digit must not make a unit more.
	const slack = 1e-9
	return int64(math.Ceil(a.Stock*float64(ordered)-slack)) + writtenOff
}
