package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
)

// script answers one request after the other.
type script struct {
	t       *testing.T
	answers []any
	url     string
}

func (s *script) Addresses() embedded.Addresses {
	return embedded.Addresses{Order: embedded.Service{API: s.url}, Inventory: embedded.Service{API: s.url}}
}

// told returns what a client remembers of an order after some answers about it.
func told(t *testing.T, answers ...Order) *History {
	t.Helper()
	s := &script{t: t}
	for _, o := range answers {
		s.answers = append(s.answers, o)
	}
	return s.play(func(c *Client) error { _, err := c.Order(context.Background(), "o"); return err })
}

func (s *script) play(ask func(*Client) error) *History {
	s.t.Helper()
	next := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := json.NewEncoder(w).Encode(s.answers[next]); err != nil {
			s.t.Error(err)
		}
		next++
	}))
	defer server.Close()
	s.url = server.URL
	c := New(s)
	defer c.Close()
	for range s.answers {
		if err := ask(c); err != nil {
			s.t.Fatal(err)
		}
	}
	return c.History()
}

func at(version int64, status string) Order {
	return Order{OrderID: "o", Version: version, Status: status, Total: 200, Currency: "GBP", Lines: []Line{{Line: 1, SKU: "a", Quantity: 2}}}
}

func with(o Order, change func(*Order)) Order {
	change(&o)
	return o
}

func TestHistory_AccusesNoTrueStory(t *testing.T) {
	back := with(at(4, Returned), func(o *Order) { o.Lines = []Line{{Line: 1, SKU: "a", Quantity: 2, Returned: 2}}; o.RefundDue = 200 })
	h := told(t, at(1, Placed), at(1, Placed), at(2, Confirmed), at(3, Completed), back, back)
	if wrong := h.Contradictions(); len(wrong) > 0 {
		t.Error(wrong)
	}
	if h.Answers() != 6 {
		t.Errorf("compared %d answers", h.Answers())
	}
	if err := h.Contradicted(back); err != nil {
		t.Error(err)
	}
}

func TestHistory_FindsContradictions(t *testing.T) {
	for name, c := range map[string]struct {
		answers []Order
		want    string
	}{
		"older":              {[]Order{at(3, Completed), at(2, Confirmed)}, "version 2 was told after version 3"},
		"risen from the end": {[]Order{at(2, Cancelled), at(3, Completed)}, "COMPLETED at version 3 after CANCELLED"},
		"cancelled after all": {
			[]Order{at(3, Completed), at(4, Cancelled)}, "CANCELLED at version 4 after COMPLETED",
		},
		"two of one version": {[]Order{at(2, Confirmed), at(2, Cancelled)}, "at the same version 2"},
		"another total":      {[]Order{at(1, Placed), with(at(2, Confirmed), func(o *Order) { o.Total = 199 })}, "199 GBP"},
		"refund taken back":  {[]Order{with(at(3, Completed), func(o *Order) { o.RefundDue = 9 }), at(4, Completed)}, "[0 0] at version 4 after [9 0]"},
	} {
		t.Run(name, func(t *testing.T) {
			wrong := told(t, c.answers...).Contradictions()
			if len(wrong) != 1 || !strings.Contains(wrong[0].Error(), c.want) {
				t.Errorf("found %v, want %q", wrong, c.want)
			}
		})
	}
}

func TestHistory_HoldsTheLastStateAgainstTheAnswers(t *testing.T) {
	h := told(t, at(3, Completed))
	if err := h.Contradicted(at(2, Confirmed)); err == nil {
		t.Error("an older state passes")
	}
	if err := h.Contradicted(at(4, Cancelled)); err == nil {
		t.Error("a state that cannot follow passes")
	}
	if err := h.Contradicted(Order{OrderID: "never asked for", Version: 1, Status: Placed}); err != nil {
		t.Error(err)
	}
}

func TestHistory_StockOnlyGrowsItsCounters(t *testing.T) {
	s := &script{t: t, answers: []any{Stock{SKU: "a", Version: 2, Received: 5}, Stock{SKU: "a", Version: 3, Received: 4}}}
	h := s.play(func(c *Client) error { _, err := c.Stock(context.Background(), "a"); return err })
	if wrong := h.Contradictions(); len(wrong) != 1 {
		t.Errorf("found %v", wrong)
	}
}

// A repeated request is answered as the first time, which is no contradiction.
func TestHistory_TakesARepeatedAnswerForWhatItIs(t *testing.T) {
	s := &script{t: t, answers: []any{at(1, Placed), at(3, Completed), at(1, Placed)}}
	asked := 0
	h := s.play(func(c *Client) (err error) {
		if asked++; asked == 2 {
			_, err = c.Order(context.Background(), "o")
			return err
		}
		_, err = c.Place(context.Background(), NewOrder{OrderID: "o", Key: "k"})
		return err
	})
	if wrong := h.Contradictions(); len(wrong) > 0 {
		t.Error(wrong)
	}
}
