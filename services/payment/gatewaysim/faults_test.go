package gatewaysim

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"
)

var fixedTime = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func controlOf(url string) (Control, func()) {
	client := &http.Client{Transport: &http.Transport{}}
	return Control{URL: url, Client: client}, client.CloseIdleConnections
}

func (s *sim) setFaults(f Faults) {
	s.t.Helper()
	if err := s.control().SetFaults(s.t.Context(), f); err != nil {
		s.t.Fatal(err)
	}
	if got, err := s.control().Faults(s.t.Context()); err != nil || got != f {
		s.t.Fatalf("set %+v, got %+v, %v", f, got, err)
	}
}

func TestFaults_DownClosesEveryConnectionButTheControls(t *testing.T) {
	s := start(t, Config{})
	s.setFaults(Faults{Down: true})
	for range 3 {
		if a, err := s.try(t.Context(), http.MethodPost, "/v1/payment_intents", "", intent("pm_card_visa")...); err == nil {
			t.Fatalf("answered %s", a.raw)
		}
	}
	res, err := s.client.Get(s.url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusNoContent {
		t.Fatalf("status %d, %v", res.StatusCode, err)
	}
	s.setFaults(Faults{})
	s.create("pm_card_visa")
	if n := len(s.ledger()); n != 1 {
		t.Fatalf("%d payments", n)
	}
}

func TestFaults_ErrorsRepeatFromTheSeedAndSomeAreCarriedOut(t *testing.T) {
	run := func(seed uint64) (pattern string, made int) {
		s := start(t, Config{})
		s.setFaults(Faults{ErrorRate: 0.5, Seed: seed})
		for range 40 {
			switch a := s.post("/v1/payment_intents", "", intent("pm_card_visa")...); a.code {
			case http.StatusOK:
				pattern += "."
			default:
				s.wantError(a, 500, apiFailure, "")
				pattern += "x"
			}
		}
		return pattern, len(s.ledger())
	}
	first, made := run(7)
	again, remade := run(7)
	if first != again || made != remade {
		t.Fatalf("seed 7: %s (%d), then %s (%d)", first, made, again, remade)
	}
	if other, _ := run(8); other == first {
		t.Fatal("seed 8 is seed 7")
	}
	good := 0
	for _, c := range first {
		if c == '.' {
			good++
		}
	}
	if made <= good || made >= 40 {
		t.Fatalf("%d answered well, %d made: some errors must hide a payment, and some not", good, made)
	}
}

func TestFaults_LatencyDelaysAnswers(t *testing.T) {
	s := start(t, Config{})
	const latency = 60 * time.Millisecond
	s.setFaults(Faults{LatencyMS: latency.Milliseconds()})
	began := time.Now()
	s.create("pm_card_visa")
	if took := time.Since(began); took < latency {
		t.Fatalf("answered after %v", took)
	}
}

func TestFaults_RefusesSenselessOnes(t *testing.T) {
	s := start(t, Config{})
	for _, f := range []Faults{{ErrorRate: 1.1}, {ErrorRate: -0.1}, {LatencyMS: -1}, {LatencyMS: 60_001}} {
		if err := s.control().SetFaults(t.Context(), f); err == nil {
			t.Errorf("accepted %+v", f)
		}
	}
	if got, err := s.control().Faults(t.Context()); err != nil || got != (Faults{}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestMishap_NeverAnswersThenClosesTheConnection(t *testing.T) {
	s := start(t, Config{HangTime: 30 * time.Millisecond})
	id := s.create("pm_sim_timeoutOnce")
	if a, err := s.try(t.Context(), http.MethodPost, "/v1/payment_intents/"+id+"/confirm", "key"); err == nil {
		t.Fatalf("answered %s", a.raw)
	}
	s.want(s.get("/v1/payment_intents/"+id), requiresConfirmation)
	s.want(s.post("/v1/payment_intents/"+id+"/confirm", "key"), requiresCapture)
}

func TestMishap_LateRequestArrivesAlthoughTheCallerIsGone(t *testing.T) {
	s := start(t, Config{LateDelay: 50 * time.Millisecond})
	id := s.create("pm_sim_lateOnce")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := s.try(ctx, http.MethodPost, "/v1/payment_intents/"+id+"/confirm", "")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	eventually(t, "the late confirm arrives", func() bool {
		return s.get("/v1/payment_intents/"+id).Status == string(requiresCapture)
	})
}

func TestMishap_LateAnswerIsStillAnAnswer(t *testing.T) {
	s := start(t, Config{LateDelay: 20 * time.Millisecond})
	id := s.create("pm_sim_lateOnce")
	s.want(s.post("/v1/payment_intents/"+id+"/confirm", "key"), requiresCapture)
	if a := s.post("/v1/payment_intents/"+id+"/confirm", "key"); !a.replayed {
		t.Fatalf("not stored under its key: %s", a.raw)
	}
}

func TestMishap_CountsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Config{DataDir: dir})
	id := s.create("pm_sim_unavailableTwice")
	s.wantError(s.post("/v1/payment_intents/"+id+"/confirm", "key"), 503, apiFailure, "")
	if err := s.server.Close(); err != nil {
		t.Fatal(err)
	}
	s = start(t, Config{DataDir: dir})
	s.wantError(s.post("/v1/payment_intents/"+id+"/confirm", "key"), 503, apiFailure, "")
	s.want(s.post("/v1/payment_intents/"+id+"/confirm", "key"), requiresCapture)
	if e := s.ledger()[0]; e.Tries != 3 || e.Confirms != 1 {
		t.Fatalf("%+v", e)
	}
}

func TestMishap_RateLimitedOnce(t *testing.T) {
	s := start(t, Config{})
	id := s.create("pm_sim_rateLimitedOnce")
	s.wantError(s.post("/v1/payment_intents/"+id+"/confirm", "key"), 429, invalidRequest, "rate_limit")
	s.want(s.post("/v1/payment_intents/"+id+"/confirm", "key"), requiresCapture)
}

func TestMishap_CloseEndsWhatWaitsOnPurpose(t *testing.T) {
	for _, method := range []string{"pm_sim_timeoutOnce", "pm_sim_lateOnce"} {
		t.Run(method, func(t *testing.T) {
			s := start(t, Config{HangTime: time.Hour, LateDelay: time.Hour})
			id := s.create(method)
			failed := make(chan error, 1)
			go func() {
				_, err := s.try(context.Background(), http.MethodPost, "/v1/payment_intents/"+id+"/confirm", "")
				failed <- err
			}()
			eventually(t, "the confirm arrives", func() bool { return s.ledger()[0].Tries == 1 })
			if err := s.server.Close(); err != nil {
				t.Error(err)
			}
			if err := <-failed; err == nil {
				t.Error("answered")
			}
		})
	}
}
