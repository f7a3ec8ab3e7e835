package schemas

import (
	"encoding/json"
	"fmt"
)

// contract lets the tests treat the record types alike: each topic's folder,
// and how its type comes from JSON and from the generic form.
type contract struct {
	folder   string
	topics   []string
	fromJSON func([]byte) (avroRecord, error)
	fromAvro func(map[string]any) (avroRecord, error)
}

type avroRecord interface{ Avro() map[string]any }

var contracts = []contract{
	newContract("orders", OrderFromAvro, Orders),
	newContract("payments", PaymentFromAvro, Payments),
	newContract("reservations", ReservationFromAvro, Reservations),
	newContract("stock", StockFromAvro, StockLevels),
	newContract("positions", PositionFromAvro, OrderPositions, PaymentPositions, InventoryPositions),
}

func newContract[T avroRecord](folder string, fromAvro func(map[string]any) (T, error), topics ...string) contract {
	return contract{
		folder: folder,
		topics: topics,
		fromJSON: func(data []byte) (avroRecord, error) {
			var record T
			err := json.Unmarshal(data, &record)
			return record, err
		},
		fromAvro: func(fields map[string]any) (avroRecord, error) {
			record, err := fromAvro(fields)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", folder, err)
			}
			return record, nil
		},
	}
}

func (c contract) versions() []string {
	topic, _ := ByName(c.topics[0])
	return topic.Versions
}
