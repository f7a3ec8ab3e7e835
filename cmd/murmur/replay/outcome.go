package replay

// Outcome is what became of a line, and of an invoice.
type Outcome string

// The outcomes. Pending is that of nothing in a report.
const (
	Pending Outcome = ""

	Completed      Outcome = "completed"
	OutOfStock     Outcome = "cancelled: out of stock"
	Declined       Outcome = "cancelled: card declined"
	CaptureRefused Outcome = "cancelled: capture refused"
	Expired        Outcome = "cancelled: deadline"
	CancelledElse  Outcome = "cancelled: otherwise"

	GivenBack       Outcome = "returned"
	GivenBackPart   Outcome = "returned in part"
	ReturnOfNothing Outcome = "return: no earlier purchase"
	ReturnOfUnsold  Outcome = "return: its order was cancelled"
	ReturnByGuest   Outcome = "return: by a guest"
	ReturnNotGoods  Outcome = "return: not goods"
	ReturnRefused   Outcome = "return: refused"

	Found           Outcome = "stock found"
	WrittenOff      Outcome = "stock written off"
	MovementRefused Outcome = "stock movement refused"
	NotGoods        Outcome = "stock movement: not goods"

	Adjustment Outcome = "not an order: adjustment"
	Repeated   Outcome = "not an order: invoice in an earlier file"
	Refused    Outcome = "refused"
)

// Outcomes lists them all in the order of a report, with what each means. An
// invoice with lines of several is counted under the first of them.
var Outcomes = []struct {
	Outcome Outcome
	Meaning string
}{
	{Completed, "paid, and taken from stock"},
	{OutOfStock, "an order is reserved as a whole or not at all"},
	{Declined, "the card was declined, as assumed"},
	{CaptureRefused, "the card was refused at capture, as assumed; what was reserved is back in stock"},
	{Expired, "payment or reservation did not answer before the deadline"},
	{CancelledElse, "by someone else, or by hand"},
	{GivenBack, "refunded at the price paid, and back in stock"},
	{GivenBackPart, "more units were cancelled than the files sold, or than were delivered"},
	{ReturnOfNothing, "the files have no earlier purchase by this customer, or it came back before"},
	{ReturnOfUnsold, "the order it returns had been cancelled: nothing was paid or delivered"},
	{ReturnByGuest, "without a customer it cannot be matched to its purchase"},
	{ReturnNotGoods, "discounts, postage and manual entries of a cancellation"},
	{ReturnRefused, "by the platform"},
	{Found, "price 0, no customer: received as stock"},
	{WrittenOff, "negative quantity at price 0"},
	{MovementRefused, "by the platform"},
	{NotGoods, "price 0 and no stock behind the code"},
	{Adjustment, "negative price, or an invoice that begins with A: bad debt"},
	{Repeated, "the invoice is in an earlier file too, and counted there"},
	{Refused, "cannot be part of an order, or the platform refused it"},
}

// fate is what became of one line.
type fate struct {
	outcome Outcome
	amount  int64 // pence: what was paid, would have been, or was refunded
	detail  string
}
