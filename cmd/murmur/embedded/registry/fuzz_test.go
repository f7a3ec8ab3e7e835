package registry

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzRequest: whatever a client sends, it gets JSON and never a server's error.
func FuzzRequest(f *testing.F) {
	r, err := Open(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = r.Close() })
	handler := r.Handler()
	body := func(schema string) string {
		text, _ := json.Marshal(map[string]string{"schema": schema})
		return string(text)
	}
	f.Add("POST", "/subjects/orders-value/versions", "", body(v1))
	f.Add("POST", "/subjects/orders-value/versions", "", body(v2))
	f.Add("POST", "/subjects/orders-value", "normalize=true", body(v1))
	f.Add("POST", "/compatibility/subjects/orders-value/versions/latest", "verbose=true", body(broken))
	f.Add("PUT", "/config/orders-value", "", `{"compatibility":"FULL_TRANSITIVE"}`)
	f.Add("GET", "/schemas/ids/1", "", "")
	f.Add("GET", "/schemas/ids/99999999999999999999", "", "")
	f.Add("GET", "/subjects/orders-value/versions/-1", "deleted=x", "")
	f.Add("DELETE", "/subjects/orders-value", "permanent=true", "")
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		request.Method, request.URL = method, &url.URL{Path: path, RawQuery: query}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		if answer.Code >= 500 && answer.Code != http.StatusNotImplemented {
			t.Fatalf("%s %s %q: %d %s", method, request.URL, body, answer.Code, answer.Body)
		}
		if answer.Code == http.StatusOK && !json.Valid(answer.Body.Bytes()) {
			t.Fatalf("%s %s %q: no JSON: %s", method, request.URL, body, answer.Body)
		}
	})
}
