package checker

// Record is one visible record of a topic.
type Record struct {
	Topic     string
	Key       string
	Partition int32
	Offset    int64
	Version   int64 // header
	Value     State
}

// State is the union of what the records of all topics say.
type State struct {
	OrderID    string `json:"order_id"`
	SKU        string `json:"sku"`
	Version    int64  `json:"version"`
	Status     string `json:"status"`
	Currency   string `json:"currency"`
	Total      int64  `json:"total"`
	RefundDue  int64  `json:"refund_due"`
	Amount     int64  `json:"amount"`
	Captured   int64  `json:"captured"`
	Refunded   int64  `json:"refunded"`
	OnHand     int64  `json:"on_hand"`
	Reserved   int64  `json:"reserved"`
	Available  int64  `json:"available"`
	Received   int64  `json:"received"`
	Committed  int64  `json:"committed"`
	Restocked  int64  `json:"restocked"`
	WrittenOff int64  `json:"written_off"`
	Lines      []struct {
		Line      int32  `json:"line"`
		SKU       string `json:"sku"`
		Quantity  int64  `json:"quantity"`
		Amount    int64  `json:"amount"`
		Kind      string `json:"kind"`
		Returned  int64  `json:"returned"`
		Restocked int64  `json:"restocked"`
	} `json:"lines"`
}

// topics are those with state, and the kind of stream behind each.
var topics = map[string]string{"orders": "order", "payments": "payment", "reservations": "reservation", "stock": "stock"}
