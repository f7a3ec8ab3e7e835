package sqlite

import (
	"slices"
	"testing"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// FuzzHeaders: any headers survive being stored, and whatever is found stored is
// headers or damaged, never something else the next time.
func FuzzHeaders(f *testing.F) {
	f.Add("ce_id", "order/536365/1", "a:b", "line\nbreak\\", "ce_id:order/536365/1\n")
	f.Add("", "", "\\c", "\\n:", "no colon\n")
	f.Add("k", ":", ":", "\n", "k\\c:\\\\n\n:\n")
	f.Fuzz(func(t *testing.T, key1, value1, key2, value2, stored string) {
		headers := []eventstore.Header{{Key: key1, Value: value1}, {Key: key2, Value: value2}}
		back, err := decodeHeaders(encodeHeaders(headers))
		if err != nil || !slices.Equal(back, headers) {
			t.Fatalf("%q became %q, %v", headers, back, err)
		}
		found, err := decodeHeaders(stored)
		if err != nil {
			return
		}
		again, err := decodeHeaders(encodeHeaders(found))
		if err != nil || !slices.Equal(again, found) {
			t.Fatalf("%q became %q, %v", found, again, err)
		}
	})
}
