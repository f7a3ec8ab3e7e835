package audit_test

import (
	"slices"

	"github.com/murmuration-dev/murmuration/cmd/murmur/audit"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
	"github.com/murmuration-dev/murmuration/schemas"
	"github.com/murmuration-dev/murmuration/services/payment/gatewaysim"
)

type defect struct {
	name  string
	plant func(*world)
	// check must fail, with a finding that says says; also may fail beside it,
	// because one defect can contradict several statements.
	check, says string
	also        []string
}

// defects are each planted into a consistent platform.
var defects = []defect{
	{
		"topics not as declared", func(w *world) { w.Declared = "orders: 5 partitions, want 6" },
		"topics", "5 partitions", nil,
	},
	{
		"record published twice", func(w *world) { w.add(schemas.Orders, "good", 3, *w.Orders["good"].Record) },
		"log-once", "published twice", nil,
	},
	{
		"record lost in the middle", func(w *world) { drop(w, schemas.Orders, "good", 1) },
		"log-once", "version 2 was published, but its record is lost", nil,
	},
	{
		"first record lost", func(w *world) { drop(w, schemas.Orders, "good", 0) },
		"log-once", "version 1 was published, but its record is lost", nil,
	},
	{
		"last record lost", func(w *world) { drop(w, schemas.Orders, "good", 2) },
		"log-once", "version 3 was published, but its record is lost", []string{"log-heads"},
	},
	{
		"all records of a key lost", func(w *world) { delete(w.Topics[schemas.Payments].Keys, "good") },
		"log-once", "version 4 was published, but its record is lost", nil,
	},
	{
		"record that the store never published", func(w *world) {
			p := *w.Payments["good"].Record
			p.Version = 3
			w.add(schemas.Payments, "good", 3, p)
		},
		"log-once", "never published", []string{"log-order", "log-heads"},
	},
	{
		"record of an unknown key", func(w *world) {
			w.add(schemas.StockLevels, "ghost", 1, schemas.Stock{SKU: "ghost", Version: 1})
		},
		"log-once", "knows no such stock", nil,
	},
	{
		"key on a wrong partition", func(w *world) {
			w.Stock["cup"] = &audit.Stream[schemas.Stock]{Version: 1, Published: []int64{1}, Record: &schemas.Stock{SKU: "cup", Version: 1}}
			w.addTo(schemas.StockLevels, (kafka.PartitionFor([]byte("cup"), partitions)+1)%partitions, "cup", "1", *w.Stock["cup"].Record, "")
		},
		"log-place", "belongs to", nil,
	},
	{
		"key on two partitions", func(w *world) {
			o := w.Orders["good"]
			o.Version, o.Published, o.Record.Version = 4, append(o.Published, 4), 4
			w.addTo(schemas.Orders, (kafka.PartitionFor([]byte("good"), partitions)+1)%partitions, "good", "4", *o.Record, "")
			w.Payments["good"].Seen.Order, w.Reservations["good"].Seen.Order = 4, 4
		},
		"log-place", "earlier records of the key", nil,
	},
	{
		"header and value disagree", func(w *world) {
			s := w.Stock["mug"]
			s.Version, s.Published, s.Record.Version = 5, append(s.Published, 5), 5
			w.addTo(schemas.StockLevels, kafka.PartitionFor([]byte("mug"), partitions), "mug", "6", *s.Record, "")
		},
		"log-place", "header says version 6, its value 5", nil,
	},
	{
		"unreadable record", func(w *world) {
			s := w.Stock["mug"]
			s.Version, s.Published, s.Record.Version = 5, append(s.Published, 5), 5
			w.addTo(schemas.StockLevels, kafka.PartitionFor([]byte("mug"), partitions), "mug", "5", nil, "not framed")
		},
		"log-place", "cannot be read", nil,
	},
	{
		"records out of order", func(w *world) {
			log := w.Topics[schemas.Orders].Keys["good"]
			log.Records[0].Version, log.Records[1].Version = 2, 1
		},
		"log-order", "version 1 stands behind version 2", []string{"log-once"},
	},
	{
		"last record says something else", func(w *world) {
			o := w.Topics[schemas.Orders].Keys["good"].Last.(schemas.Order)
			o.RefundDue = 5
			w.Topics[schemas.Orders].Keys["good"].Last = o
		},
		"log-heads", "refund_due is 5, events say 0", nil,
	},
	{
		"tombstone of a living key", func(w *world) {
			w.addTo(schemas.Orders, kafka.PartitionFor([]byte("good"), partitions), "good", "", nil, "")
		},
		"log-heads", "forgotten", nil,
	},
	{
		"state row that events do not give", func(w *world) { w.Payments["good"].Fault = "state row differs" },
		"state-rows", "state row differs", nil,
	},
	{
		"position beyond the end", func(w *world) { w.Services[schemas.OrderService].Positions[0].Next = 101 },
		"positions", "beyond the end", nil,
	},
	{
		"position below the start", func(w *world) { w.Topics[schemas.Orders].Start[0] = 101; w.Topics[schemas.Orders].End[0] = 200 },
		"positions", "deleted unread", nil,
	},
	{
		"position of another topic", func(w *world) {
			w.Services[schemas.OrderService].Positions[0].TopicID = "AAAAAAAAAAAAAAAAAAAAAg"
		},
		"positions", "deleted and created again", nil,
	},
	{
		"position in no partition", func(w *world) { w.Services[schemas.OrderService].Positions[0].Partition = 6 },
		"positions", "partition that does not exist", nil,
	},
	{
		"positions topic recreated", func(w *world) { w.Topics[schemas.OrderPositions].ID = "AAAAAAAAAAAAAAAAAAAAAg" },
		"positions", "the topic has id", nil,
	},
	{
		"position record lost", func(w *world) { w.Services[schemas.OrderService].Last = nil },
		"positions", "no position record", nil,
	},
	{
		"database behind the log", func(w *world) { w.Services[schemas.OrderService].Relay.Batch = 2 },
		"positions", "the database went back in time", nil,
	},
	{
		"log behind the database", func(w *world) { w.Services[schemas.OrderService].Relay.Batch = 5 },
		"positions", "the log went back in time", nil,
	},
	{
		"log of another database", func(w *world) { w.Services[schemas.OrderService].Relay.StoreEpoch = "epoch-2" },
		"positions", "written from database", nil,
	},
	{
		"batch names a version that is not there", func(w *world) { w.Services[schemas.OrderService].Last.Rows[0].Version = 4 },
		"positions", "names version 4 of order good", nil,
	},
	{
		"oversold", func(w *world) { restock(w, func(s *schemas.Stock) { s.Reserved, s.Available = 8, -2 }) },
		"stock", "oversold", []string{"stock-log", "log-heads"},
	},
	{
		"stock not conserved", func(w *world) { restock(w, func(s *schemas.Stock) { s.OnHand, s.Available = 7, 7 }) },
		"stock", "is not 7 on hand", []string{"stock-log", "log-heads"},
	},
	{
		"reserved for nobody", func(w *world) { restock(w, func(s *schemas.Stock) { s.Reserved, s.Available = 1, 5 }) },
		"stock", "1 reserved, but the reservations of orders add up to 0", []string{"log-heads"},
	},
	{
		"taken and not committed", func(w *world) {
			restock(w, func(s *schemas.Stock) { s.Received, s.Committed = 12, 7 })
		},
		"stock", "7 committed, but the reservations of orders add up to 5", []string{"log-heads"},
	},
	{
		"impossible level once", func(w *world) {
			s := *w.Stock["mug"].Record
			s.OnHand, s.Available = -1, -1
			s.Version = 5
			publish(w, schemas.StockLevels, w.Stock["mug"], "mug", 5, s)
			s.OnHand, s.Available, s.Version = 6, 6, 6
			publish(w, schemas.StockLevels, w.Stock["mug"], "mug", 6, s)
		},
		"stock-log", "is not -1 on hand", nil,
	},
	{
		"charged twice", func(w *world) {
			w.Gateway["good"] = append(w.Gateway["good"], gatewaysim.Entry{ID: "pi_2", OrderID: "good", Currency: "GBP", Amount: 1000, Authorized: 1000, Captured: 1000, Captures: 1})
		},
		"double-charge", "2 gateway payments were captured: pi_good pi_2", []string{"money-totals", "money-orders"},
	},
	{
		"captured twice", func(w *world) { w.Gateway["good"][0].Captures = 2 },
		"double-charge", "captured 2 times", nil,
	},
	{
		"captured for a cancelled order", func(w *world) { w.Payments["none"].Record.Captured = 100 },
		"money-orders", "is CANCELLED, and 100 was taken", []string{"money-totals", "log-heads"},
	},
	{
		"completed and not paid", func(w *world) {
			w.Payments["good"].Record.Captured, w.Gateway["good"][0].Captured = 400, 400
		},
		"money-orders", "is COMPLETED for 1000, and 400 was taken", []string{"money-totals", "log-heads"},
	},
	{
		"refund above what is due", func(w *world) {
			w.Payments["back"].Record.Refunded, w.Gateway["back"][0].Refunded = 400, 400
		},
		"money-orders", "300 is due back, and 400 was given back", []string{"log-heads", "ends"},
	},
	{
		"refund above captured", func(w *world) {
			w.Payments["good"].Record.Refunded, w.Gateway["good"][0].Refunded = 1100, 1100
		},
		"money-orders", "took 1000 and gave back 1100", []string{"log-heads", "ends"},
	},
	{
		"total is not the sum of the lines", func(w *world) { w.Orders["none"].Record.Total = 101 },
		"money-orders", "the lines add up to 100", []string{"log-heads"},
	},
	{
		"other currency", func(w *world) { w.Gateway["good"][0].Currency = "EUR" },
		"money-orders", "is in EUR, not in GBP", []string{"money-totals"},
	},
	{
		"payment that the gateway does not know", func(w *world) { w.Payments["poor"].Record.GatewayPaymentID = "pi_other" },
		"money-orders", "does not know payment pi_other", []string{"log-heads"},
	},
	{
		"taken for an unknown order", func(w *world) {
			w.Gateway["ghost"] = []gatewaysim.Entry{{ID: "pi_9", OrderID: "ghost", Currency: "GBP", Amount: 5, Authorized: 5, Captured: 5, Captures: 1}}
		},
		"money-totals", "the gateway took 1905", []string{"money-orders"},
	},
	{
		"held for a cancelled order", func(w *world) { w.Gateway["none"][0].Held = 100 },
		"holds", "100 GBP held by pi_none for an order that is CANCELLED", nil,
	},
	{
		"held for an unknown order", func(w *world) {
			w.Gateway["ghost"] = []gatewaysim.Entry{{ID: "pi_9", OrderID: "ghost", Currency: "GBP", Amount: 5, Authorized: 5, Held: 5}}
		},
		"holds", "nobody knows", nil,
	},
	{
		"stuck", func(w *world) { stay(w, "none", schemas.OrderPlaced) },
		"ends", "stuck: order PLACED, payment VOIDED, reservation REJECTED, unchanged for 1h0m0s; and nothing is in flight", []string{"log-heads"},
	},
	{
		"stuck because something was not seen", func(w *world) {
			stay(w, "none", schemas.OrderPlaced)
			w.Orders["none"].Seen.Payment = 2
		},
		"ends", "order has seen version 2 of the payment, which is at 4", []string{"log-heads"},
	},
	{
		"stuck because of a parked record", func(w *world) {
			stay(w, "none", schemas.OrderPlaced)
			w.Services[schemas.OrderService].Parked = []eventstore.Parked{{ParkedKey: eventstore.ParkedKey{Topic: schemas.Payments, Key: "none"}, Reason: "impossible"}}
		},
		"ends", "is parked by order", []string{"log-heads", "parked"},
	},
	{
		"unpaid return", func(w *world) { w.Payments["back"].Record.Refunded, w.Gateway["back"][0].Refunded = 0, 0 },
		"ends", "stuck: order COMPLETED", []string{"log-heads"},
	},
	{
		"reserved for a completed order", func(w *world) {
			w.Reservations["good"].Record.Status = schemas.ReservationReserved
		},
		"agreement", "is COMPLETED beside a reservation that is RESERVED", []string{"log-heads", "stock", "ends"},
	},
	{
		"paid and cancelled", func(w *world) { w.Payments["none"].Record.Status = schemas.PaymentCaptured },
		"agreement", "is CANCELLED beside a payment that is CAPTURED", []string{"log-heads", "ends"},
	},
	{
		"other goods reserved", func(w *world) { w.Reservations["poor"].Record.Lines[0].Quantity = 2 },
		"agreement", "line 1 orders 1 of mug, reserved are 2 of mug", []string{"log-heads"},
	},
	{
		"seen what never was", func(w *world) { w.Payments["good"].Seen.Order = 9 },
		"agreement", "has seen version 9 of the order", nil,
	},
	{
		"payment of an unknown order", func(w *world) {
			delete(w.Orders, "poor")
			delete(w.Topics[schemas.Orders].Keys, "poor")
		},
		"agreement", "the order service does not know it", []string{"log-once"},
	},
}

// drop takes the i-th record of a key out of its log.
func drop(w *world, topic, key string, i int) {
	log := w.Topics[topic].Keys[key]
	log.Records = slices.Delete(log.Records, i, i+1)
}

// restock changes the level of the store, not of the log.
func restock(w *world, change func(*schemas.Stock)) { change(w.Stock["mug"].Record) }

// stay leaves an order in a status.
func stay(w *world, id string, status schemas.OrderStatus) { w.Orders[id].Record.Status = status }
