package httpserver

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"go.uber.org/zap"

	"github.com/murmuration-dev/murmuration/pkg/telemetry"
)

// catchAll is the mux pattern of requests that no operation takes.
const catchAll = "/"

// methods are the ones that operations use, to tell 405 from 404.
var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// newAPI makes a huma API on mux. It is not huma's default configuration: that
// adds a $schema field to every answer by reflection, and serves pages that
// load scripts from elsewhere.
func newAPI(cfg Config, mux *http.ServeMux, log *zap.Logger) huma.API {
	return humago.New(mux, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: cfg.Title, Version: cfg.Version},
			OnAddOperation: []huma.AddOpFunc{func(_ *huma.OpenAPI, op *huma.Operation) {
				limitBody(op, cfg)
			}},
		},
		Formats:       huma.DefaultFormats,
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{problems(log)},
	})
}

// limitBody replaces huma's defaults by the server's; what an operation sets
// itself stays, below the server's maximum. One byte is added because huma
// already refuses a body of exactly its limit.
func limitBody(op *huma.Operation, cfg Config) {
	const humaDefault = 1024 * 1024
	if op.MaxBodyBytes <= 0 || op.MaxBodyBytes == humaDefault || op.MaxBodyBytes > cfg.MaxBodyBytes {
		op.MaxBodyBytes = cfg.MaxBodyBytes + 1
	}
	op.BodyReadTimeout = cfg.BodyTimeout
}

// problems completes huma's own problems, and hides internal errors from
// clients: the log is the only place that they go to.
func problems(log *zap.Logger) huma.Transformer {
	return func(ctx huma.Context, _ string, v any) (any, error) {
		problem, ok := v.(*huma.ErrorModel)
		if !ok {
			return v, nil
		}
		internal := problem.Type == "" && problem.Status == http.StatusInternalServerError
		classify(problem)
		if !internal {
			return problem, nil
		}
		if ctx.Context().Err() == nil { // otherwise the client left, and the handler noticed
			fields := append(telemetry.Fields(ctx.Context()), zap.String("operation", ctx.Operation().OperationID))
			for _, detail := range problem.Errors {
				if detail != nil {
					fields = append(fields, zap.String("error", detail.Message))
				}
			}
			log.Error("request failed", fields...)
		}
		problem.Detail, problem.Errors = internalDetail, nil
		return problem, nil
	}
}

// internalDetail is all that a client learns of an internal error.
const internalDetail = "The service could not answer. The correlation id finds the reason in its log."

// refuseUnknown answers 405 when the path has operations of other methods, and
// 404 otherwise.
func refuseUnknown(mux *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		allowed := slices.DeleteFunc(slices.Clone(methods), func(method string) bool {
			probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
			_, pattern := mux.Handler(probe)
			return pattern == catchAll
		})
		if len(allowed) == 0 {
			writeProblem(w, http.StatusNotFound, KindNotFound, "There is nothing at "+r.URL.Path+".")
			return
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		writeProblem(w, http.StatusMethodNotAllowed, KindMethod, r.Method+" is not possible here.")
	}
}

// serveOpenAPI marshals the document once, at the first request, when all
// operations have been registered.
func serveOpenAPI(api huma.API) http.HandlerFunc {
	document := sync.OnceValues(func() ([]byte, error) { return json.Marshal(api.OpenAPI()) })
	return func(w http.ResponseWriter, _ *http.Request) {
		body, err := document()
		if err != nil {
			writeProblem(w, http.StatusInternalServerError, KindInternal, "The document cannot be written.")
			return
		}
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(body)
	}
}
