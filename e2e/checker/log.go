package checker

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

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

// readLogs reads all topics with state from the start to the last stable offset.
func readLogs(ctx context.Context, broker, registry string) ([]Record, error) {
	ends, err := stableEnds(ctx, broker)
	if err != nil {
		return nil, err
	}
	from := make(map[string]map[int32]kgo.Offset)
	left := 0
	for topic, partitions := range ends {
		from[topic] = make(map[int32]kgo.Offset)
		for p, end := range partitions {
			if end > 0 {
				from[topic][p] = kgo.NewOffset().AtStart()
				left++
			}
		}
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumePartitions(from),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	decoder := &decoder{registry: registry, schemas: make(map[uint32]*avro.Schema)}
	var out []Record
	for left > 0 {
		fetched := reader.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			return nil, fmt.Errorf("read logs: %w", err)
		}
		for i := fetched.RecordIter(); !i.Done(); {
			r := i.Next()
			if r.Offset+1 == ends[r.Topic][r.Partition] {
				left-- // control records are kept, so the last offset is always seen
			}
			if r.Attrs.IsControl() {
				continue
			}
			record, err := decoder.record(ctx, r)
			if err != nil {
				return nil, fmt.Errorf("%s/%d@%d, key %s: %w", r.Topic, r.Partition, r.Offset, r.Key, err)
			}
			out = append(out, record)
		}
	}
	return out, nil
}

// stableEnds asks for the last stable offset of every partition.
func stableEnds(ctx context.Context, broker string) (map[string]map[int32]int64, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(broker))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ask := kmsg.NewPtrMetadataRequest()
	for topic := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(topic)
		ask.Topics = append(ask.Topics, t)
	}
	known, err := ask.RequestWith(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	list := kmsg.NewPtrListOffsetsRequest()
	list.ReplicaID, list.IsolationLevel = -1, 1
	for _, t := range known.Topics {
		if t.ErrorCode != 0 {
			return nil, fmt.Errorf("metadata of %s: error code %d", *t.Topic, t.ErrorCode)
		}
		of := kmsg.NewListOffsetsRequestTopic()
		of.Topic = *t.Topic
		for _, p := range t.Partitions {
			end := kmsg.NewListOffsetsRequestTopicPartition()
			end.Partition, end.Timestamp = p.Partition, -1
			of.Partitions = append(of.Partitions, end)
		}
		list.Topics = append(list.Topics, of)
	}
	answer := client.RequestSharded(ctx, list)
	ends := make(map[string]map[int32]int64)
	for _, shard := range answer {
		if shard.Err != nil {
			return nil, fmt.Errorf("list offsets: %w", shard.Err)
		}
		for _, t := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			if ends[t.Topic] == nil {
				ends[t.Topic] = make(map[int32]int64)
			}
			for _, p := range t.Partitions {
				if p.ErrorCode != 0 {
					return nil, fmt.Errorf("end of %s/%d: error code %d", t.Topic, p.Partition, p.ErrorCode)
				}
				ends[t.Topic][p.Partition] = p.Offset
			}
		}
	}
	return ends, nil
}

// decoder reads Avro in Confluent's framing: a zero, four bytes of schema id, the
// datum.
type decoder struct {
	registry string
	schemas  map[uint32]*avro.Schema
}

func (d *decoder) record(ctx context.Context, r *kgo.Record) (Record, error) {
	out := Record{Topic: r.Topic, Key: string(r.Key), Partition: r.Partition, Offset: r.Offset}
	for _, h := range r.Headers {
		if h.Key == "version" {
			var err error
			if out.Version, err = strconv.ParseInt(string(h.Value), 10, 64); err != nil {
				return out, fmt.Errorf("header version: %w", err)
			}
		}
	}
	const frame = 5
	if len(r.Value) < frame || r.Value[0] != 0 {
		return out, fmt.Errorf("value % x is not framed", r.Value[:min(len(r.Value), 20)])
	}
	schema, err := d.schema(ctx, binary.BigEndian.Uint32(r.Value[1:frame]))
	if err != nil {
		return out, err
	}
	var native any
	rest, err := schema.Decode(r.Value[frame:], &native)
	if err != nil {
		return out, err
	}
	if len(rest) > 0 {
		return out, fmt.Errorf("%d bytes behind the datum", len(rest))
	}
	text, err := json.Marshal(native)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(text, &out.Value)
}

func (d *decoder) schema(ctx context.Context, id uint32) (*avro.Schema, error) {
	if s, ok := d.schemas[id]; ok {
		return s, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/schemas/ids/%d", d.registry, id), http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var said struct {
		Schema string `json:"schema"`
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &said); err != nil || res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("schema %d: status %d: %s", id, res.StatusCode, body)
	}
	s, err := avro.Parse(said.Schema)
	if err != nil {
		return nil, fmt.Errorf("schema %d: %w", id, err)
	}
	d.schemas[id] = s
	return s, nil
}
