package gatewaysim

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"
)

// Handler serves the API under /v1, the controls under /_sim, and /healthz. It
// may be mounted in any server; it works until [Server.Close].
func (s *Server) Handler() http.Handler { return s.handler }

func (s *Server) routes() http.Handler {
	api := http.NewServeMux()
	api.HandleFunc("POST /v1/payment_intents", s.change(command{
		[]string{"amount", "currency", "capture_method", "confirm", "payment_method", "payment_method_types", "metadata", "description", "expand"},
		create,
	}))
	api.HandleFunc("POST /v1/payment_intents/{id}/confirm", s.change(command{
		[]string{"payment_method", "error_on_requires_action", "off_session", "return_url", "expand"}, confirm,
	}))
	api.HandleFunc("POST /v1/payment_intents/{id}/capture", s.change(command{[]string{"amount_to_capture", "expand"}, capture}))
	api.HandleFunc("POST /v1/payment_intents/{id}/cancel", s.change(command{[]string{"cancellation_reason", "expand"}, cancel}))
	api.HandleFunc("POST /v1/refunds", s.change(command{[]string{"payment_intent", "amount", "reason", "metadata", "expand"}, giveBack}))
	api.HandleFunc("GET /v1/payment_intents/{id}", s.retrieve)
	api.HandleFunc("GET /v1/refunds", s.listRefunds)
	api.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, &apiError{
			status: http.StatusNotFound, kind: invalidRequest,
			message: fmt.Sprintf("Unrecognized request URL (%s: %s).", r.Method, r.URL.Path),
		})
	})
	root := http.NewServeMux()
	root.Handle("/v1/", s.faults.guard(s.stopping, s.authenticate(api)))
	root.HandleFunc("PUT /_sim/faults", s.putFaults)
	root.HandleFunc("GET /_sim/faults", s.getFaults)
	root.HandleFunc("GET /_sim/ledger", s.getLedger)
	root.HandleFunc("GET /_sim/totals", s.getTotals)
	root.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return root
}

func (s *Server) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || key == "" || s.cfg.APIKey != "" && key != s.cfg.APIKey {
			s.refuse(w, &apiError{status: http.StatusUnauthorized, kind: invalidRequest, message: "Invalid API Key provided."})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// change answers only after the command's commit, and lets the request suffer
// what its payment method says.
func (s *Server) change(c command) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		req, refusal := parseRequest(w, r, c.params)
		if refusal != nil {
			s.refuse(w, refusal)
			return
		}
		answer, ok := s.carryOut(w, c, req)
		if ok && answer.mishap == late {
			// The caller may have gone away meanwhile; what it sent still arrives.
			if !s.pause(s.cfg.LateDelay, nil) {
				panic(http.ErrAbortHandler)
			}
			req.delayed = true
			answer, ok = s.carryOut(w, c, req)
		}
		if !ok {
			return
		}
		switch answer.mishap {
		case never:
			s.pause(s.cfg.HangTime, r.Context().Done())
			panic(http.ErrAbortHandler)
		case answerLost:
			panic(http.ErrAbortHandler)
		}
		if req.key != "" {
			w.Header().Set("Idempotency-Key", req.key)
		}
		s.send(w, answer)
	}
}

// carryOut returns false if it has answered itself.
func (s *Server) carryOut(w http.ResponseWriter, c command, req *request) (reply, bool) {
	var answer reply
	err := s.ledger.do(func(t *tx) (err error) {
		answer, err = c.execute(t, req)
		return err
	})
	if err != nil {
		s.fail(w, err)
		return reply{}, false
	}
	return answer, true
}

func (s *Server) retrieve(w http.ResponseWriter, r *http.Request) {
	req, refusal := parseRequest(w, r, []string{"expand"})
	if refusal != nil {
		s.refuse(w, refusal)
		return
	}
	p, err := s.find(req.id)
	switch {
	case err != nil:
		s.fail(w, err)
	case p == nil:
		s.refuse(w, missing(http.StatusNotFound, "intent", "payment_intent", req.id))
	default:
		s.sendObject(w, intentObject(p, req.expansion("")))
	}
}

func (s *Server) find(id string) (p *payment, err error) {
	if p, ok := s.ledger.cached(id); ok {
		return p, nil
	}
	err = s.ledger.do(func(t *tx) (err error) {
		p, err = t.payment(id)
		return err
	})
	return p, err
}

const (
	defaultPage = 10 // as Stripe's
	largestPage = 100
)

func (s *Server) listRefunds(w http.ResponseWriter, r *http.Request) {
	req, refusal := parseRequest(w, r, []string{"payment_intent", "limit", "starting_after", "expand"})
	if refusal != nil {
		s.refuse(w, refusal)
		return
	}
	limit := defaultPage
	if text := req.values.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > largestPage {
			s.refuse(w, invalid("limit", "Invalid limit: %s.", text))
			return
		}
		limit = n
	}
	id := req.values.Get("payment_intent")
	var p *payment
	var refunds []refund
	err := s.ledger.do(func(t *tx) (err error) {
		if p, err = t.payment(id); err != nil || p == nil {
			return err
		}
		refunds, err = t.refunds(id, req.values.Get("starting_after"), limit+1)
		return err
	})
	switch {
	case err != nil:
		s.fail(w, err)
		return
	case p == nil:
		s.refuse(w, missing(http.StatusNotFound, "payment_intent", "payment_intent", id))
		return
	}
	list := listJSON{Object: "list", URL: "/v1/refunds", HasMore: len(refunds) > limit, Data: []refundJSON{}}
	for _, one := range refunds[:min(limit, len(refunds))] {
		list.Data = append(list.Data, refundObject(p, one, req.expansion("data")))
	}
	s.sendObject(w, list)
}

// pause waits and tells whether the whole time has passed: gone or the end of the
// server cut it short.
func (s *Server) pause(d time.Duration, gone <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-gone:
	case <-s.stopping:
	}
	return false
}

// fail answers for the ledger. What could not be committed was not done, but
// nobody should rely on that: the answer says unknown, as a real gateway's would.
func (s *Server) fail(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, errBusy):
		s.refuse(w, tooMany())
	case errors.Is(err, errClosed):
		panic(http.ErrAbortHandler)
	default:
		s.log.Error("ledger", zap.Error(err))
		s.refuse(w, internalError())
	}
}

func (s *Server) refuse(w http.ResponseWriter, e *apiError) {
	answer, err := e.reply()
	if err != nil {
		s.log.Error("refuse", zap.Error(err))
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	s.send(w, answer)
}

func (s *Server) sendObject(w http.ResponseWriter, object any) {
	body, err := json.Marshal(object)
	if err != nil {
		s.fail(w, err)
		return
	}
	s.send(w, reply{status: http.StatusOK, body: body})
}

func (s *Server) send(w http.ResponseWriter, answer reply) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Request-Id", "req_"+rand.Text())
	if answer.replayed {
		h.Set("Idempotent-Replayed", "true")
	}
	w.WriteHeader(answer.status)
	if _, err := w.Write(answer.body); err != nil {
		s.log.Debug("answer not delivered", zap.Error(err))
	}
}
