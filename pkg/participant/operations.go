package participant

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/aggregate"
	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/httpserver"
	"github.com/murmuration-dev/murmuration/pkg/outbox"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// operations is the server for health, metrics, profiles and inspection. It listens from
// the first moment on, so that a service that waits for its database can say so.
func (s *service) operations() (*httpserver.Server, error) {
	ops, err := httpserver.New(httpserver.Config{
		Title: s.spec.Title + ": operations", Version: s.spec.Version, Addr: s.settings.OpsListen, Listener: s.deps.Ops,
		WriteTimeout: inspectTimeout,
	}, httpserver.Deps{Logger: s.log, Metrics: s.platform.Metrics})
	if err != nil {
		return nil, run.ConfigError(fmt.Errorf("OPS_LISTEN: %w", err))
	}
	profiles(ops)
	return ops, nil
}

const (
	// inspectTimeout bounds an inspection of a whole service: a million streams
	// take minutes to rebuild.
	inspectTimeout = 15 * time.Minute
	// inspectPage bounds one read of streams.
	inspectPage = 200
	// listLimit bounds the lists of parked records and intents.
	listLimit = 10_000
)

// Overview is what a service says of itself as a whole.
type Overview struct {
	Service string `json:"service"`
	// Positions are how far the inbox has come.
	Positions []eventstore.Position `json:"positions"`
	// Relay is how far the outbox has come, Waiting how many rows are not
	// published yet, and Oldest when the first of them was written (µs).
	Relay   eventstore.RelayState `json:"relay"`
	Waiting int64                 `json:"waiting"`
	Oldest  int64                 `json:"oldest,omitempty"`
	Status  RelayStatus           `json:"status"`
	// Parked records and intents need a person; Pending intents run by
	// themselves.
	Parked        []eventstore.Parked `json:"parked,omitempty"`
	ParkedIntents []eventstore.Intent `json:"parked_intents,omitempty"`
	Pending       []eventstore.Intent `json:"pending_intents,omitempty"`
	Kinds         []string            `json:"kinds"`
}

// RelayStatus is what this process's relay knows of itself.
type RelayStatus struct {
	Leader bool  `json:"leader"`
	Batch  int64 `json:"batch"`
	// PublishedAt is when this process last committed a batch; zero if never.
	PublishedAt time.Time `json:"published_at,omitzero"`
	LastError   string    `json:"last_error,omitempty"`
}

func relayStatus(s outbox.Status) RelayStatus {
	out := RelayStatus{Leader: s.Leader, Batch: s.Batch, PublishedAt: s.PublishedAt}
	if s.LastError != nil {
		out.LastError = s.LastError.Error()
	}
	return out
}

// inspection registers what an audit and an operator ask for.
func (s *service) inspection(ops *httpserver.Server, parts Parts, b *broker) {
	kinds := make(map[string]aggregate.Inspector, len(parts.Inspect))
	names := make([]string, 0, len(parts.Inspect))
	for _, i := range parts.Inspect {
		kinds[i.KindName()] = i
		names = append(names, i.KindName())
	}
	ops.Handle("GET /inspect", func(w http.ResponseWriter, r *http.Request) { s.overview(w, r, b, names) })
	ops.Handle("GET /inspect/{kind}", func(w http.ResponseWriter, r *http.Request) {
		inspector, ok := kinds[r.PathValue("kind")]
		if !ok {
			http.Error(w, "no such kind of stream here", http.StatusNotFound)
			return
		}
		s.streams(w, r, inspector)
	})
	ops.Handle("POST /intents/revive", s.revive)
}

func (s *service) overview(w http.ResponseWriter, r *http.Request, b *broker, kinds []string) {
	ctx, store := r.Context(), s.platform.Store
	o := Overview{Service: s.spec.Name, Kinds: kinds, Status: relayStatus(b.relay.Status())}
	var err [6]error
	o.Positions, err[0] = store.Positions(ctx)
	o.Relay, err[1] = store.RelayState(ctx, s.spec.Name)
	o.Waiting, o.Oldest, err[2] = store.Backlog(ctx)
	o.Parked, err[3] = store.Parked(ctx, eventstore.ParkedKey{}, listLimit)
	o.ParkedIntents, err[4] = store.ListIntents(ctx, eventstore.IntentParked, "", listLimit)
	o.Pending, err[5] = store.ListIntents(ctx, eventstore.IntentPending, "", listLimit)
	if e := errors.Join(err[:]...); e != nil {
		http.Error(w, e.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(o) // a client that left is not our error
}

// streams writes one JSON line per stream of a kind: ?after=id begins behind an
// id, ?limit=n ends early. An incomplete answer lacks the last line, {"end":true}.
func (s *service) streams(w http.ResponseWriter, r *http.Request, inspector aggregate.Inspector) {
	after := r.URL.Query().Get("after")
	left := -1
	if l := r.URL.Query().Get("limit"); l != "" {
		n, err := strconv.Atoi(l)
		if err != nil || n < 0 {
			http.Error(w, "limit must be a number", http.StatusBadRequest)
			return
		}
		left = n
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	for {
		page, err := s.platform.Store.Streams(r.Context(), inspector.KindName(), after, inspectPage)
		if err != nil {
			return
		}
		for _, row := range page {
			if left == 0 {
				break
			}
			left--
			seen, err := inspector.Inspect(r.Context(), s.platform.Store, row)
			if err != nil || lines.Encode(seen) != nil {
				return
			}
		}
		if len(page) < inspectPage || left == 0 {
			_ = lines.Encode(map[string]bool{"end": true})
			return
		}
		after = page[len(page)-1].ID.ID
	}
}

func (s *service) revive(w http.ResponseWriter, r *http.Request) {
	ok, err := s.platform.Store.ReviveIntent(r.Context(), r.URL.Query().Get("key"), time.Now().UnixMicro())
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case !ok:
		http.Error(w, "no parked intent has this key", http.StatusNotFound)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}
