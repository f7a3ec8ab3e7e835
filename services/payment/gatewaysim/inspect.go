package gatewaysim

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"

	"go.uber.org/zap"
)

// pageSize bounds how long reading the ledger holds up payments: a page is part of
// one commit.
const pageSize = 500

// Entry is one payment as the ledger knows it, in minor units. Currency is
// upper case, unlike in the API.
type Entry struct {
	ID       string `json:"id"`
	OrderID  string `json:"order_id"`
	Currency string `json:"currency"`
	// Amount is what was asked for; Authorized what was ever held, which stays
	// after a capture or a cancel.
	Amount     int64 `json:"amount"`
	Authorized int64 `json:"authorized"`
	Captured   int64 `json:"captured"`
	Refunded   int64 `json:"refunded"`
	// Held is authorized and neither captured nor cancelled.
	Held int64 `json:"held"`
	// Status is Stripe's.
	Status string `json:"status"`
	// Confirms and Captures count what was carried out, Tries the confirms that
	// reached the gateway, repeated answers not among them.
	Confirms int `json:"confirms"`
	Captures int `json:"captures"`
	Tries    int `json:"tries"`
}

// Sum adds up the entries of one currency, in minor units.
type Sum struct {
	Payments   int64 `json:"payments"`
	Authorized int64 `json:"authorized"`
	Captured   int64 `json:"captured"`
	Refunded   int64 `json:"refunded"`
	Held       int64 `json:"held"`
}

// Totals are the sums by currency, upper case.
type Totals map[string]Sum

func (p *payment) entry() Entry {
	return Entry{
		ID: p.id, OrderID: p.orderID, Currency: strings.ToUpper(p.currency),
		Amount: p.amount, Authorized: p.authorized, Captured: p.captured, Refunded: p.refunded, Held: p.held(),
		Status: string(p.status), Confirms: p.confirms, Captures: p.captures, Tries: p.confirmTries,
	}
}

// getLedger streams the entries in the order in which the payments were made. Each
// is true at one moment, but not all at the same one: payments go on meanwhile.
func (s *Server) getLedger(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := bufio.NewWriter(w)
	encoder := json.NewEncoder(out)
	for after := int64(0); r.Context().Err() == nil; {
		var page []Entry
		err := s.ledger.do(func(t *tx) (err error) {
			page, after, err = t.page(after, pageSize)
			return err
		})
		if err != nil {
			s.abort("read ledger", err)
		}
		for _, e := range page {
			if err := encoder.Encode(e); err != nil {
				s.abort("send ledger", err)
			}
		}
		if len(page) < pageSize {
			break
		}
	}
	if err := out.Flush(); err != nil {
		s.abort("send ledger", err)
	}
}

// abort cuts the connection, so that nobody takes what was sent for the whole.
func (s *Server) abort(doing string, err error) {
	s.log.Warn(doing, zap.Error(err))
	panic(http.ErrAbortHandler)
}

func (s *Server) getTotals(w http.ResponseWriter, _ *http.Request) {
	var totals Totals
	err := s.ledger.do(func(t *tx) (err error) {
		totals, err = t.totals()
		return err
	})
	if err != nil {
		s.fail(w, err)
		return
	}
	s.sendObject(w, totals)
}

func (s *Server) getFaults(w http.ResponseWriter, _ *http.Request) { s.sendObject(w, s.faults.get()) }

func (s *Server) putFaults(w http.ResponseWriter, r *http.Request) {
	var faults Faults
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, bodyLimit))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&faults)
	if err == nil {
		err = faults.validate()
	}
	if err != nil {
		s.refuse(w, invalid("", "Invalid faults: %v", err))
		return
	}
	s.faults.set(faults)
	s.log.Info("faults set", zap.Any("faults", faults))
	s.sendObject(w, faults)
}
