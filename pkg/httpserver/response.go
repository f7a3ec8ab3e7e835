package httpserver

import (
	"io"
	"net/http"
	"time"
)

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

// body takes the connection's read deadline away once the body was read.
// net/http goes on reading then, to notice that the client left; a deadline
// left behind would end the request's context in the middle of a long wait.
type body struct {
	io.ReadCloser
	deadline *http.ResponseController
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF { //nolint:errorlint // a reader's EOF is never wrapped
		b.lift()
	}
	return n, err
}

func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.lift()
	return err
}

func (b *body) lift() { _ = b.deadline.SetReadDeadline(time.Time{}) }
