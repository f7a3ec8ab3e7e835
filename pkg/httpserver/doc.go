// Package httpserver is the base of a service's REST API: huma (OpenAPI 3.1,
// validation, RFC 9457 problems) on net/http, with what every endpoint needs
// around it.
//
// Guarantee: every answer that is not a success is a problem of type
// application/problem+json whose type URI is stable per kind of error, even
// for unknown routes, panics and overload; a request body is bounded in size
// and time, and the number of requests at work is bounded. When Run's context
// is cancelled, /readyz fails at once; when the drain delay is over no new request
// is taken, and the ones at work are finished within the drain time-out.
//
// What it does not do: TLS, authentication and rate limits per client belong
// to what stands in front of it. What failed inside is logged and never sent
// to a client.
//
// Beside the API it serves /livez, /readyz, /metrics and /openapi.json, which
// need no free slot and are not traced. /livez fails never: a process that cannot
// answer it is one that a restart helps.
//
//	server, err := httpserver.New(httpserver.Config{Title: "Orders", Version: "1.0.0", Addr: ":8080"}, deps)
//	…
//	server.AddCheck(httpserver.Check{Name: "store", Required: true, Probe: store.Ping})
//	huma.Register(server.API(), operation, handler)
//	err = server.Run(ctx)
package httpserver
