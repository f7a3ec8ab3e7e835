package chart

import (
	"regexp"
	"strings"
	"testing"
)

var mentioned = regexp.MustCompile(`service/([a-z0-9-]+)|exec ([a-z0-9-]+)-0 `)

// TestNotes_NameWhatThereIs renders by the engine also where the others use helm,
// which prints no notes for a template.
func TestNotes_NameWhatThereIs(t *testing.T) {
	for _, x := range examples {
		t.Run(x.name, func(t *testing.T) {
			r, err := x.render(map[string]object{})
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range mentioned.FindAllStringSubmatch(r.notes, -1) {
				_, service := one(r.objects, "Service", match[1])
				_, set := one(r.objects, "StatefulSet", match[2])
				if !service && !set {
					t.Errorf("there is no %s", match[0])
				}
			}
			if tests := strings.Contains(r.notes, "helm --namespace "+namespace+" test "+x.releaseName()); tests != (len(ofKind(r.objects, "Pod")) > 0) {
				t.Errorf("tells of tests: %v\n%s", tests, r.notes)
			}
			if warns := strings.Contains(r.notes, "Not for production"); warns == x.production {
				t.Errorf("warns of development: %v", warns)
			}
		})
	}
}
