package participant

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
	"github.com/murmuration-dev/murmuration/pkg/httpserver"
)

// HistoryLimit bounds one page of a history.
const HistoryLimit = 500

// HistoryRequest asks what happened to the stream of the path's {id}.
type HistoryRequest struct {
	ID    string `path:"id" maxLength:"64"`
	After int64  `query:"after" minimum:"0" doc:"Begin behind this version"`
}

// HistoryResponse is one page of events, ascending by version.
type HistoryResponse struct {
	Body struct {
		Events []EventView `json:"events"`
	}
}

// EventView is one event as clients see it.
type EventView struct {
	Version     int64           `json:"version"`
	Type        string          `json:"type"`
	At          time.Time       `json:"at"`
	Data        json.RawMessage `json:"data"`
	Correlation string          `json:"correlation_id,omitempty"`
	Causation   string          `json:"causation_id,omitempty"`
}

// History answers a HistoryRequest from the events of a stream; a stream without
// any is a 404.
func History(ctx context.Context, r eventstore.Reader, stream eventstore.StreamID, in *HistoryRequest) (*HistoryResponse, error) {
	events, err := r.History(ctx, stream, in.After, HistoryLimit)
	if err != nil {
		return nil, err
	}
	if len(events) == 0 && in.After == 0 {
		return nil, NotFound(stream)
	}
	out := &HistoryResponse{}
	out.Body.Events = make([]EventView, len(events))
	for i, e := range events {
		out.Body.Events[i] = EventView{e.Version, e.Type, time.UnixMicro(e.Meta.At).UTC(), e.Data, e.Meta.Correlation, e.Meta.Causation}
	}
	return out, nil
}

// NotFound is the problem that a stream does not exist.
func NotFound(stream eventstore.StreamID) error {
	return httpserver.Problem(http.StatusNotFound, httpserver.KindNotFound, "There is no "+stream.Kind+" "+stream.ID+".")
}
