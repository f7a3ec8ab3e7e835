package httpserver

import "net/http"

// response remembers the status for metrics and for what a panic may still
// answer.
type response struct {
	http.ResponseWriter
	status int
}

func (r *response) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *response) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap gives http.ResponseController and huma the connection.
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// code is what the client gets: net/http answers 200 when a handler says
// nothing.
func (r *response) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}
