package inbox

import (
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

func TestBatch_IsBoundedByRecordsAndByBytes(t *testing.T) {
	records := make([]kafka.Record, 5)
	for i := range records {
		records[i].Value = make([]byte, 40)
	}
	for _, c := range []struct {
		name string
		cfg  Config
		want int
	}{
		{"records", Config{BatchRecords: 3, BatchBytes: 1 << 20}, 3},
		{"bytes", Config{BatchRecords: 100, BatchBytes: 100}, 3},
		{"one record is always taken", Config{BatchRecords: 100, BatchBytes: 1}, 1},
		{"all fit", Config{BatchRecords: 100, BatchBytes: 1 << 20}, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b batch
			if n := b.add(records, c.cfg); n != c.want || len(b.records) != c.want {
				t.Fatalf("took %d records, want %d", n, c.want)
			}
		})
	}
}
