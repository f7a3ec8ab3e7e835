package avro

import (
	"io"
	"net/http"
)

// maxAnswer bounds what is read of one answer: a schema of the largest size,
// escaped, fits several times.
const maxAnswer = 8 << 20

// boundedTransport cuts answers off that are too long to be a registry's. What
// is left of one is no valid JSON and becomes ErrUnavailable.
type boundedTransport struct {
	base http.RoundTripper
}

func (t boundedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = boundedBody{Reader: io.LimitReader(resp.Body, maxAnswer), Closer: resp.Body}
	return resp, nil
}

type boundedBody struct {
	io.Reader
	io.Closer
}
