//go:build e2e

package drill

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/murmuration-dev/murmuration/e2e/checker"
	"github.com/murmuration-dev/murmuration/e2e/stack"
)

// Report is what a platform has come to.
type Report struct {
	Verdict checker.Verdict
	// Audit is what murmur's own audit said at its end, AuditCode its exit code.
	Audit     string
	AuditCode int
	// Records and Orders are how many there are.
	Records, Orders int
	// Lines are the figures, for people.
	Lines []string
}

// Err is nil if nothing is wrong.
func (r Report) Err() error {
	err := errors.Join(r.Verdict.Wrong...)
	if r.AuditCode != 0 {
		err = errors.Join(err, fmt.Errorf("murmur audit: exit code %d: %s", r.AuditCode, r.Audit))
	}
	return err
}

// Judge waits until the platform is at rest, and says what is wrong with it: by the
// checker, and by murmur's own audit.
func (d *Drill) Judge(ctx context.Context) (Report, error) {
	var r Report
	stores := make(checker.Stores)
	for _, service := range []string{stack.Order, stack.Payment, stack.Inventory} {
		stores[service] = checker.PostgreSQL(d.stack.DatabaseURL(service))
	}
	for _, part := range d.everything() {
		if err := d.stack.Await(ctx, part); err != nil {
			return r, err
		}
	}
	if err := checker.AwaitQuiet(ctx, d.client, stores); err != nil {
		return r, fmt.Errorf("does not come to rest: %w", err)
	}
	audit, err := d.stack.Murmur(ctx, append([]string{"audit", "--wait", "60s"}, inside()...)...)
	if err != nil {
		return r, fmt.Errorf("audit: %w", err)
	}
	r.Audit, r.AuditCode = audit.Stdout, audit.Code
	found, err := checker.Read(ctx, d.stack.Addresses(), stores)
	if err != nil {
		return r, err
	}
	r.Records, r.Orders = len(found.Records), len(found.Latest()["orders"])
	r.Verdict = found.Judge(d.client.History())
	r.Lines = append(d.figures(ctx, found), "checker: "+r.Verdict.String(), "audit:   "+lastLine(r.Audit))
	return r, nil
}

// inside are the addresses of everything on the platform's own network.
func inside() []string {
	var flags []string
	for _, service := range []string{stack.Order, stack.Payment, stack.Inventory} {
		host := string(stack.Replica(service, 1))
		flags = append(flags, "--"+service, "http://"+host+":8080", "--"+service+"-ops", "http://"+host+":9090")
	}
	return append(flags, "--kafka", "kafka1:9092", "--registry", "http://registry:8081/apis/ccompat/v7", "--gateway", "http://gateway:12111")
}

// figures says what the platform did.
func (d *Drill) figures(ctx context.Context, found *checker.Findings) []string {
	statuses := make(map[string]int)
	for _, o := range found.Latest()["orders"] {
		statuses[o.Status]++
	}
	var text []string
	for _, s := range slices.Sorted(maps.Keys(statuses)) {
		text = append(text, fmt.Sprintf("%d %s", statuses[s], s))
	}
	rebalances, total := "", int32(0)
	generations, err := checker.Rebalances(ctx, d.stack.Addresses().Kafka)
	for _, n := range generations {
		total += n
	}
	if rebalances = fmt.Sprint(total); err != nil {
		rebalances = err.Error()
	}
	var before, after int64
	for _, p := range d.proxies {
		b, a := p.Counts()
		before, after = before+b, after+a
	}
	return []string{
		fmt.Sprintf("orders:  %d acknowledged, %d kept: %s; %d payments at the gateway", len(d.client.History().Orders()), len(found.Latest()["orders"]), strings.Join(text, ", "), len(found.Charges)),
		fmt.Sprintf("answers: %d compared with earlier ones, %d contradict them", d.client.History().Answers(), len(d.client.History().Contradictions())),
		fmt.Sprintf("records: %d visible, %d aborted; transactions: %d committed, %d aborted", len(found.Records), found.Log.AbortedRecords, found.Log.Committed, found.Log.Aborted),
		fmt.Sprintf("relays:  %d fencings, %d fresh starts from the position seen; groups: %s generations; inboxes: %d batches rolled back as another had moved the position, %d conflicts",
			d.samples.sum("outbox_fencings_total"), d.samples.sum("outbox_reinits_total"), rebalances, d.samples.sum("murmuration_inbox_fenced_total"), d.samples.sum("murmuration_inbox_conflicts_total")),
		fmt.Sprintf("commits: %d connections broken before COMMIT, %d before its answer", before, after),
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
