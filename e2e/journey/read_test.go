package journey

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/client"
)

func TestList_PagesOrdersByStatus(t *testing.T) {
	t.Parallel()
	s := visit(t)
	sku := s.sku(3)
	var sold []string
	for range 3 {
		sold = append(sold, s.buy(visa, line(sku, 1, 100)).OrderID)
	}
	refused := s.buy("pm_card_chargeDeclined", line(sku, 1, 100)).OrderID

	// Ids of one test ascend and begin alike, so others' orders stay outside.
	for _, c := range []struct {
		status string
		want   []string
	}{{"", append(slices.Clone(sold), refused)}, {client.Completed, sold}, {client.Cancelled, []string{refused}}, {client.Returned, nil}} {
		var got []string
		for after := ""; ; {
			page, err := s.List(t.Context(), c.status, after, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range page {
				if after >= o.OrderID {
					t.Fatalf("list of %q: %s follows %s", c.status, o.OrderID, after)
				}
				after = o.OrderID
				if c.status != "" && o.Status != c.status {
					t.Errorf("list of %q holds %+v", c.status, o)
				}
				if strings.HasPrefix(o.OrderID, s.name+"-o") {
					got = append(got, o.OrderID)
				}
			}
			if len(page) < 2 {
				break
			}
		}
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("list of %q: %v, want %v", c.status, got, c.want)
		}
	}
}

func TestHistory_TellsWhatHappenedUnderOneCorrelation(t *testing.T) {
	t.Parallel()
	s := visit(t)
	body, err := json.Marshal(s.basket(visa, line(s.sku(1), 1, 100)))
	if err != nil {
		t.Fatal(err)
	}
	correlation := s.id()
	a := s.post(platform.Addresses().Order.API+"/orders", "", string(body), "X-Correlation-Id", correlation)
	var placed client.Order
	if err := json.Unmarshal(a.Body, &placed); err != nil || a.Status != http.StatusCreated {
		t.Fatalf("%d %s: %v", a.Status, a.Body, err)
	}
	s.settle(placed.OrderID)
	events, err := s.OrderHistory(t.Context(), placed.OrderID)
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for i, e := range events {
		types = append(types, e.Type)
		if e.Version != int64(i+1) || e.CorrelationID != correlation || e.CausationID == "" {
			t.Errorf("event %d: %+v, want correlation %s", i+1, e, correlation)
		}
	}
	if want := []string{"Placed", "Confirmed", "Completed"}; !slices.Equal(types, want) {
		t.Errorf("history is %v, want %v", types, want)
	}
	paid, err := s.PaymentHistory(t.Context(), placed.OrderID)
	if err != nil || len(paid) == 0 {
		t.Fatalf("history of the payment: %v, %v", paid, err)
	}
	for _, e := range paid {
		if e.CorrelationID != correlation {
			t.Errorf("payment event %+v has lost correlation %s", e, correlation)
		}
	}
}

// Not parallel: the gateway is down for everyone, so the order cannot settle.
func TestWait_AnswersAfterTheTimeEvenIfNothingIsSettled(t *testing.T) {
	s := visit(t)
	s.breakGateway(client.Faults{Down: true})
	placed := s.place(s.basket(visa, line(s.sku(1), 1, 100)))
	begun := time.Now()
	o, err := s.Wait(t.Context(), placed.OrderID, 300*time.Millisecond)
	if err != nil || o.Settled || o.Status != client.Placed {
		t.Errorf("%+v, %v; want PLACED", o, err)
	}
	if waited := time.Since(begun); waited < 300*time.Millisecond {
		t.Errorf("answered after %s", waited)
	}
	s.mendGateway()
	s.settle(placed.OrderID)
}

func TestOpenAPI_DescribesEveryOperation(t *testing.T) {
	t.Parallel()
	s := visit(t)
	a := platform.Addresses()
	for url, want := range map[string][]string{
		a.Order.API:     {"place-order", "get-order", "list-orders", "get-order-history", "cancel-order", "return-lines"},
		a.Payment.API:   {"get-payment", "get-payment-history"},
		a.Inventory.API: {"receive-stock", "write-off-stock", "get-stock", "list-stock", "get-stock-history", "get-reservation", "get-reservation-history"},
	} {
		got, err := s.Raw(t.Context(), http.MethodGet, url+"/openapi.json", "", http.NoBody)
		if err != nil || got.Status != http.StatusOK {
			t.Fatalf("%s: %d, %v", url, got.Status, err)
		}
		var document any
		if err := json.Unmarshal(got.Body, &document); err != nil {
			t.Fatal(err)
		}
		operations := readOpenAPI(t, document)
		slices.Sort(want)
		if !slices.Equal(operations, want) {
			t.Errorf("%s has operations %v, want %v", url, operations, want)
		}
	}
}

// readOpenAPI checks what OpenAPI 3.1 demands of a document of this kind and
// returns the ids of its operations.
func readOpenAPI(t *testing.T, document any) []string {
	t.Helper()
	root, _ := document.(map[string]any)
	info, _ := root["info"].(map[string]any)
	paths, _ := root["paths"].(map[string]any)
	if v, _ := root["openapi"].(string); !strings.HasPrefix(v, "3.1.") || info["title"] == "" || info["version"] == "" || len(paths) == 0 {
		t.Fatalf("openapi %v, info %v, %d paths", root["openapi"], info, len(paths))
	}
	var ids []string
	for path, item := range paths {
		item, _ := item.(map[string]any)
		for method, operation := range item {
			operation, _ := operation.(map[string]any)
			id, _ := operation["operationId"].(string)
			if id == "" || slices.Contains(ids, id) {
				t.Errorf("%s %s: operation id %q is empty or not unique", method, path, id)
			}
			ids = append(ids, id)
			if responses, _ := operation["responses"].(map[string]any); len(responses) == 0 {
				t.Errorf("%s: no responses", id)
			}
			named := make(map[string]bool)
			parameters, _ := operation["parameters"].([]any)
			for _, p := range parameters {
				p, _ := p.(map[string]any)
				if p["in"] == "path" {
					named[fmt.Sprint(p["name"])] = p["required"] == true
				}
			}
			for _, part := range strings.Split(path, "/") {
				if name, ok := strings.CutPrefix(part, "{"); ok && !named[strings.TrimSuffix(name, "}")] {
					t.Errorf("%s: path parameter %s is not declared as required", id, part)
				}
			}
		}
	}
	resolveReferences(t, root, document)
	slices.Sort(ids)
	return ids
}

// resolveReferences checks that every $ref points to something.
func resolveReferences(t *testing.T, root map[string]any, node any) {
	t.Helper()
	switch node := node.(type) {
	case map[string]any:
		if ref, ok := node["$ref"].(string); ok {
			var at any = root
			for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
				object, _ := at.(map[string]any)
				at = object[step]
			}
			if at == nil {
				t.Errorf("%s points to nothing", ref)
			}
		}
		for _, child := range node {
			resolveReferences(t, root, child)
		}
	case []any:
		for _, child := range node {
			resolveReferences(t, root, child)
		}
	}
}
