package avro_test

import (
	"context"
	"fmt"

	"github.com/murmuration-dev/murmuration/pkg/avro"
)

// memory stands for a Registry.
type memory map[int]string

func (m memory) SchemaByID(_ context.Context, id int) (string, error) { return m[id], nil }

// A record that was written with an older schema is read with a younger one.
func Example() {
	const (
		older   = `{"type":"record","name":"Stock","fields":[{"name":"sku","type":"string"}]}`
		younger = `{"type":"record","name":"Stock","fields":[
			{"name":"available","type":"long","default":0},
			{"name":"sku","type":"string"}]}`
	)
	encoder, err := avro.NewEncoder(older, 7) // 7 is what Registry.Register returned
	if err != nil {
		fmt.Println(err)
		return
	}
	value, err := encoder.Encode(map[string]any{"sku": "85123A"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("% x\n", value)

	decoder, err := avro.NewDecoder(younger, memory{7: older})
	if err != nil {
		fmt.Println(err)
		return
	}
	record, err := decoder.Decode(context.Background(), value)
	fmt.Println(record["sku"], record["available"], err)

	_, err = encoder.Encode(map[string]any{"sku": "85123A", "availible": int64(3)})
	fmt.Println(err, avro.Permanent(err))
	// Output:
	// 00 00 00 00 07 0c 38 35 31 32 33 41
	// 85123A 0 <nil>
	// encode Stock: not a value of the schema: availible is not a field of Stock true
}
