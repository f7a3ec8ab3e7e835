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
)

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
