package choreography

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/murmuration-dev/murmuration/services/order"
)

var update = flag.Bool("update", false, "rewrite the transcripts")

// The transcripts are reviewed like code: what each journey writes, in order.
func TestJourneys_GoAsWritten(t *testing.T) {
	files, err := filepath.Glob("journeys/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	variants, err := filepath.Glob("journeys/variants/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, variants...) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			j, err := run(Real(), file, string(want))
			if err != nil {
				t.Fatal(err)
			}
			got := j.Transcript()
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("%s differs; run with -update and review:\n%s", file, got)
			}
		})
	}
}

// Whatever was late, repeated or compacted: at the end of a journey nothing is
// held and nothing is owed.
func TestJourneys_EndSettled(t *testing.T) {
	for _, folder := range []string{"", "variants"} {
		journeys, err := Journeys(Real(), folder)
		if err != nil {
			t.Fatal(err)
		}
		if len(journeys) < 7 {
			t.Fatalf("%d journeys in %q", len(journeys), folder)
		}
		for _, j := range journeys {
			teller := newTeller(Real())
			for _, step := range j.Steps {
				if _, err := teller.tell(step.Command); err != nil {
					t.Fatal(err)
				}
			}
			if w := teller.world; !order.Settled(w.Order.State, w.Order.Seen) {
				t.Errorf("%s ends with %s", j.Name, w.standing())
			}
		}
	}
}
