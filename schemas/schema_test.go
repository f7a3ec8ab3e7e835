package schemas

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/linkedin/goavro/v2"
	"github.com/twmb/avro"
)

func TestSchemas_DocumentEverything(t *testing.T) {
	for _, topic := range Topics() {
		var walk func(path string, n *avro.SchemaNode)
		walk = func(path string, n *avro.SchemaNode) {
			if n.Name != "" && n.Doc == "" {
				t.Errorf("%s: %s %s has no doc", topic.Name, n.Type, n.Name)
			}
			if n.Name != "" && n.Namespace != "com.murmuration" {
				t.Errorf("%s: %s is in namespace %q", topic.Name, n.Name, n.Namespace)
			}
			if n.Type == "enum" && (n.EnumDefault != "UNKNOWN" || n.Symbols[0] != "UNKNOWN") {
				t.Errorf("%s: enum %s does not begin with its default UNKNOWN", topic.Name, n.Name)
			}
			for _, f := range n.Fields {
				if f.Doc == "" {
					t.Errorf("%s: field %s%s has no doc", topic.Name, path, f.Name)
				}
				walk(path+f.Name+".", &f.Type)
			}
			if n.Items != nil {
				walk(path, n.Items)
			}
		}
		for _, text := range topic.Versions {
			walk("", avro.MustParse(text).Root())
		}
	}
}

// TestTypes_HaveTheSymbolsOfTheSchemas: a status that only one of the two knows
// could be written and never read, or the other way round.
func TestTypes_HaveTheSymbolsOfTheSchemas(t *testing.T) {
	known := map[string][]string{
		"OrderStatus":       texts(orderStatuses),
		"LineKind":          texts(lineKinds),
		"PaymentStatus":     texts(paymentStatuses),
		"ReservationStatus": texts(reservationStatuses),
	}
	found := map[string]bool{}
	var walk func(n *avro.SchemaNode)
	walk = func(n *avro.SchemaNode) {
		if n.Type == "enum" {
			found[n.Name] = true
			if !slices.Equal(n.Symbols, known[n.Name]) {
				t.Errorf("%s: the schema has %v, the type %v", n.Name, n.Symbols, known[n.Name])
			}
		}
		for _, f := range n.Fields {
			walk(&f.Type)
		}
		if n.Items != nil {
			walk(n.Items)
		}
	}
	for _, topic := range Topics() {
		walk(avro.MustParse(topic.Schema).Root())
	}
	if len(found) != len(known) {
		t.Errorf("the schemas have the enums %v", found)
	}
}

func texts[S ~string](symbols []S) []string {
	out := make([]string, len(symbols))
	for i, s := range symbols {
		out[i] = string(s)
	}
	return out
}

// TestTypes_HaveTheFieldsOfTheSchemas: goavro ignores a field that the schema
// does not have, so a misspelt one would vanish.
func TestTypes_HaveTheFieldsOfTheSchemas(t *testing.T) {
	for _, c := range contracts {
		versions := c.versions()
		root := avro.MustParse(versions[len(versions)-1]).Root()
		record, err := c.fromJSON([]byte(sample(t, c, len(versions))))
		if err != nil {
			t.Fatal(err)
		}
		compareFields(t, c.folder, root, record.Avro())

		var printed map[string]any
		if data, err := json.Marshal(record); err != nil || json.Unmarshal(data, &printed) != nil {
			t.Fatal(err)
		}
		compareFields(t, c.folder+" as JSON", root, printed)
	}
}

func compareFields(t *testing.T, path string, n *avro.SchemaNode, values map[string]any) {
	t.Helper()
	names := map[string]bool{}
	for _, f := range n.Fields {
		names[f.Name] = true
		value, ok := values[f.Name]
		if !ok {
			t.Errorf("%s.%s is missing in the type", path, f.Name)
		}
		if f.Type.Items == nil {
			continue
		}
		items, _ := value.([]any)
		if len(items) == 0 {
			t.Fatalf("%s.%s is empty in the sample", path, f.Name)
		}
		compareFields(t, path+"."+f.Name, f.Type.Items, items[0].(map[string]any))
	}
	for name := range values {
		if !names[name] {
			t.Errorf("%s.%s is not in the schema", path, name)
		}
	}
}

func TestTypes_RoundTrip(t *testing.T) {
	for _, c := range contracts {
		for name, spelt := range map[string]string{"sample": sample(t, c, len(c.versions())), "empty": `{}`} {
			record, err := c.fromJSON([]byte(spelt))
			if err != nil {
				t.Fatal(err)
			}
			fields := record.Avro()
			for field, value := range fields { // an empty status is not a symbol
				if value == "" && field == "status" {
					fields[field] = "UNKNOWN"
				}
			}
			codec, err := goavro.NewCodec(c.versions()[len(c.versions())-1])
			if err != nil {
				t.Fatal(err)
			}
			data, err := codec.BinaryFromNative(nil, fields)
			if err != nil {
				t.Fatalf("%s %s: %v", c.folder, name, err)
			}
			native, rest, err := codec.NativeFromBinary(data)
			if err != nil || len(rest) > 0 {
				t.Fatalf("%s %s: %d bytes left, %v", c.folder, name, len(rest), err)
			}
			got, err := c.fromAvro(native.(map[string]any))
			if err != nil {
				t.Fatal(err)
			}
			again, err := codec.BinaryFromNative(nil, got.Avro())
			if err != nil || string(again) != string(data) {
				t.Errorf("%s %s: %v\ngot  %x\nwant %x", c.folder, name, err, again, data)
			}
		}
	}
}

func TestCatalogue(t *testing.T) {
	writers := map[string]string{
		Orders: OrderService, Payments: PaymentService, Reservations: InventoryService, StockLevels: InventoryService,
		OrderPositions: OrderService, PaymentPositions: PaymentService, InventoryPositions: InventoryService,
	}
	topics := Topics()
	if len(topics) != len(writers) {
		t.Errorf("has %d topics, want %d", len(topics), len(writers))
	}
	for _, topic := range topics {
		if topic.Owner != writers[topic.Name] {
			t.Errorf("%s is owned by %q", topic.Name, topic.Owner)
		}
		if topic.Subject != topic.Name+"-value" || topic.Key == "" {
			t.Errorf("%s has subject %q and key %q", topic.Name, topic.Subject, topic.Key)
		}
		want := int32(statePartitions)
		if strings.HasSuffix(topic.Name, "-positions") {
			want = 1
		}
		if topic.Partitions != want {
			t.Errorf("%s has %d partitions", topic.Name, topic.Partitions)
		}
		if topic.Configs["cleanup.policy"] != "compact" {
			t.Errorf("%s is not compacted", topic.Name)
		}
		for name, value := range topic.Configs {
			if _, err := strconv.ParseInt(value, 10, 64); err != nil && name != "cleanup.policy" {
				t.Errorf("%s: %s is %q", topic.Name, name, value)
			}
		}
		if topic.Configs["max.compaction.lag.ms"] != "" &&
			number(t, topic, "min.compaction.lag.ms") >= number(t, topic, "max.compaction.lag.ms") {
			t.Errorf("%s: the compaction lags contradict each other", topic.Name)
		}
		if number(t, topic, "delete.retention.ms") < number(t, topic, "min.compaction.lag.ms") {
			t.Errorf("%s: a reader could miss a tombstone within the outage budget", topic.Name)
		}
	}
}

func number(t *testing.T, topic Topic, config string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(topic.Configs[config], 10, 64)
	if err != nil {
		t.Errorf("%s: %v", topic.Name, err)
	}
	return n
}

func TestCatalogue_IsTheCallersOwn(t *testing.T) {
	first, ok := ByName(Orders)
	if !ok {
		t.Fatal("orders is not there")
	}
	first.Configs["cleanup.policy"] = "delete"
	first.Versions[0] = ""
	Topics()[0].Configs["cleanup.policy"] = "delete"
	second, _ := ByName(Orders)
	if second.Configs["cleanup.policy"] != "compact" || second.Versions[0] == "" {
		t.Error("a caller changed the catalogue")
	}
	if _, ok := ByName("order"); ok {
		t.Error("found a topic that there is not")
	}
}
