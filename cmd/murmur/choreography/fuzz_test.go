package choreography

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/services/order"
)

// The moves of FuzzJourney, one for each letter.
var letters = []string{
	"cancel", "deadline", "return 1*1", "return 2*1", "return 1*2", "gateway answers",
	"gateway refuses CREATE no", "gateway refuses CONFIRM no", "gateway refuses CAPTURE no",
	"order reads payments", "order reads reservations", "payment reads orders", "inventory reads orders",
	"order starts over", "payment starts over", "inventory starts over",
	"compact orders", "compact payments", "compact reservations", "run", "run without gateway", "run without inventory",
}

// FuzzJourney: whatever is late, read again, compacted or refused, no service
// meets what cannot be, and in the end nothing is held and nothing is owed.
func FuzzJourney(f *testing.F) {
	f.Add(uint8(9), []byte{19, 2, 14, 19})
	f.Add(uint8(1), []byte{9, 11, 12, 5, 5, 10, 9, 0})
	f.Add(uint8(2), []byte{8, 11, 12, 5, 5, 9, 10, 11, 12, 5, 13, 16, 17, 18})
	f.Add(uint8(2), []byte{19, 2, 11, 2, 16, 5, 3, 20, 14, 15})
	f.Fuzz(func(t *testing.T, stock uint8, moves []byte) {
		script := []string{fmt.Sprintf("receive 85123A %d", 1+int(stock)), "place 85123A*2=2000 POST=500"}
		for _, m := range moves[:min(len(moves), 40)] {
			script = append(script, letters[int(m)%len(letters)])
		}
		script = append(script, "run", "deadline", "run")
		teller := newTeller(Real())
		for _, line := range script {
			if _, err := teller.tell(line); err != nil && broken(err) {
				t.Fatalf("%s: %v", strings.Join(script, "\n"), err)
			}
		}
		if w := teller.world; !order.Settled(w.Order.State, w.Order.Seen) {
			t.Fatalf("%s\nends with %s", strings.Join(script, "\n"), w.standing())
		}
	})
}

// FuzzTell: any text is a journey or an error, and what it tells can be told
// again.
func FuzzTell(f *testing.F) {
	files, err := filepath.Glob("journeys/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatalf("%d journeys, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("> receive a 9223372036854775807\n> place a*9223372036854775807=9223372036854775807\n> return 2147483648*1\n> gateway answers")
	f.Fuzz(func(t *testing.T, text string) {
		j, err := run(Real(), "fuzz", text)
		if err != nil {
			return
		}
		again, err := run(Real(), "fuzz", j.Transcript())
		if err != nil || again.Transcript() != j.Transcript() {
			t.Fatalf("told again: %v\n%s", err, again.Transcript())
		}
	})
}
