package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/checker"
	"github.com/murmuration-dev/murmuration/e2e/client"
)

// atRest is how long a platform may take to come to rest once nobody buys any more:
// longer than any of its retries.
const atRest = 4 * time.Minute

// Verdict is what was found in the end.
type Verdict struct {
	// Wrong is empty if all is right.
	Wrong []string `json:"wrong"`
	// Figures are for people.
	Figures []string `json:"figures"`
	// Schemas are the versions of the orders' schema at the registry.
	Schemas []int `json:"schemas"`
}

// judge waits until the platform is at rest, and holds what it keeps against what
// was acknowledged.
func judge(ctx context.Context, c *client.Client, stores checker.Stores) Verdict {
	ctx, cancel := context.WithTimeout(ctx, atRest)
	defer cancel()
	var v Verdict
	if err := checker.AwaitQuiet(ctx, c, stores); err != nil {
		v.wrong(fmt.Errorf("does not come to rest: %w", err))
	}
	found, err := checker.Read(ctx, c.Addresses(), stores)
	if err != nil {
		v.wrong(fmt.Errorf("cannot be read: %w", err))
		return v
	}
	if v.Schemas, err = schemas(ctx, c.Addresses().Registry); err != nil {
		v.wrong(err)
	}
	verdict := found.Judge(c.History())
	v.wrong(verdict.Wrong...)
	v.Figures = figures(ctx, c, found)
	v.Figures = append(v.Figures, "checker: "+verdict.String())
	return v
}

func (v *Verdict) wrong(errs ...error) {
	for _, err := range errs {
		v.Wrong = append(v.Wrong, err.Error())
	}
}

func figures(ctx context.Context, c *client.Client, found *checker.Findings) []string {
	kept := found.Latest()["orders"]
	statuses := make(map[string]int)
	for _, o := range kept {
		statuses[o.Status]++
	}
	var text []string
	for _, s := range slices.Sorted(maps.Keys(statuses)) {
		text = append(text, fmt.Sprintf("%d %s", statuses[s], s))
	}
	generations, err := checker.Rebalances(ctx, c.Addresses().Kafka)
	rebalances := int32(0)
	for _, n := range generations {
		rebalances += n
	}
	groups := fmt.Sprintf("%d generations", rebalances)
	if err != nil {
		groups = err.Error()
	}
	h := c.History()
	return []string{
		fmt.Sprintf("orders:  %d acknowledged, %d kept: %s; %d payments at the gateway", len(h.Orders()), len(kept), strings.Join(text, ", "), len(found.Charges)),
		fmt.Sprintf("answers: %d compared with earlier ones, %d contradict them", h.Answers(), len(h.Contradictions())),
		fmt.Sprintf("records: %d visible, %d aborted; transactions: %d committed, %d aborted; groups: %s", len(found.Records), found.Log.AbortedRecords, found.Log.Committed, found.Log.Aborted, groups),
	}
}

func schemas(ctx context.Context, registry string) ([]int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, registry+"/subjects/orders-value/versions", http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var versions []int
	if err := json.NewDecoder(res.Body).Decode(&versions); err != nil {
		return nil, fmt.Errorf("versions of the orders' schema: status %d: %w", res.StatusCode, err)
	}
	return versions, nil
}
