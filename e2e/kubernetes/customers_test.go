//go:build kubernetes

package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	// rate is how many customers come in a second: the real day had one in four
	// minutes.
	rate = "5"
	// persistence is how long a customer repeats a request: longer than a database
	// or a broker needs to come back on a busy machine.
	persistence = 2 * time.Minute
)

// crowd is the customers in their pod.
type crowd struct{ proxy string }

// phase is the figures of a phase, as the customers tell them.
type phase struct {
	Name       string         `json:"name"`
	Seconds    float64        `json:"seconds"`
	Requests   int            `json:"requests"`
	Repeated   int            `json:"repeated"`
	Retries    int            `json:"retries"`
	Failed     int            `json:"failed"`
	Orders     int            `json:"orders"`
	TurnedAway int            `json:"turned_away"`
	Longest    float64        `json:"longest_seconds"`
	Reasons    map[string]int `json:"reasons"`
}

// gather lets the customers in; they go on buying when it returns.
func gather(t *testing.T) crowd {
	t.Helper()
	manifest, err := os.ReadFile("testdata/customers.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("IMAGE", customersImage, "RATE", rate, "PATIENCE", persistence.String()).Replace(string(manifest))
	mustFeed(t, text, "kubectl", in(home, "apply", "--filename", "-")...)
	must(t, "kubectl", in(home, "wait", "pod/customers", "--for=condition=Ready", "--timeout="+soon.String())...)
	return crowd{"/api/v1/namespaces/" + home + "/pods/customers:8080/proxy"}
}

func (c crowd) get(path string) (string, error) {
	return task{}.run(context.Background(), "kubectl", "get", "--raw", c.proxy+path)
}

func (c crowd) post(t *testing.T, path string) {
	t.Helper()
	mustFeed(t, "{}", "kubectl", "create", "--raw", c.proxy+path, "--filename", "-")
}

// during runs what happens to the platform as a phase of its own.
func (c crowd) during(t *testing.T, name string, happens func(*testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		c.post(t, "/phases/"+strings.ReplaceAll(name, " ", "%20"))
		happens(t)
	})
}

// verdict is what the customers found in the end.
type verdict struct {
	Wrong, Figures []string
	Schemas        []int
}

// leave ends the sale, and returns figures and verdict.
func (c crowd) leave(t *testing.T) (phases []phase, found verdict) {
	t.Helper()
	c.post(t, "/leave")
	eventually(t, func() error {
		said, err := c.get("/verdict")
		if err == nil && said == "" {
			err = errors.New("the customers have no verdict")
		}
		if err != nil {
			return err
		}
		return json.Unmarshal([]byte(said), &found)
	})
	said, err := c.get("/phases")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(said), &phases); err != nil {
		t.Fatal(err)
	}
	return phases, found
}

// table is the figures of all phases, for people.
func table(phases []phase) string {
	var text strings.Builder
	sum := phase{Name: "all"}
	line := func(p phase) {
		fmt.Fprintf(&text, "%-28s %6.0f %8d %8d %8d %8d %7d %8.1f %s\n", p.Name, p.Seconds, p.Orders, p.Requests, p.Repeated, p.Retries, p.Failed, p.Longest, reasons(p.Reasons))
	}
	fmt.Fprintf(&text, "%-28s %6s %8s %8s %8s %8s %7s %8s\n", "while", "s", "orders", "requests", "repeated", "retries", "failed", "longest")
	for _, p := range phases {
		line(p)
		sum.Seconds += p.Seconds
		sum.Orders += p.Orders
		sum.Requests += p.Requests
		sum.Repeated += p.Repeated
		sum.Retries += p.Retries
		sum.Failed += p.Failed
		sum.Longest = max(sum.Longest, p.Longest)
	}
	line(sum)
	return text.String()
}

// reasons are what requests were repeated for, the most frequent one first.
func reasons(counts map[string]int) string {
	var all []string
	for reason := range counts {
		all = append(all, reason)
	}
	slices.SortFunc(all, func(a, b string) int { return counts[b] - counts[a] })
	for i, reason := range all {
		all[i] = fmt.Sprintf("%d× %s", counts[reason], strings.TrimSpace(reason))
	}
	return strings.Join(all, "; ")
}
