package registry

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// TestRoutes_Transcript is a conversation as other clients than ours have it.
func TestRoutes_Transcript(t *testing.T) {
	server := httptest.NewServer(open(t, "").Handler())
	t.Cleanup(server.Close)
	body := func(schema string) string { return `{"schemaType":"AVRO","schema":` + strconv.Quote(schema) + `}` }
	described := `{"subject":"a-value","version":1,"id":1,"schema":` + strconv.Quote(v1) + `}`

	steps := []struct {
		method, path, body string
		status             int
		want               string // the answer, or a part of it
	}{
		{"GET", "/", "", 200, `{}`},
		{"GET", "/subjects", "", 200, `[]`},
		{"GET", "/schemas", "", 200, `[]`},
		{"GET", "/schemas/types", "", 200, `["AVRO"]`},
		{"GET", "/contexts", "", 200, `["."]`},
		{"GET", "/mode", "", 200, `{"mode":"READWRITE"}`},
		{"GET", "/mode/a-value", "", 200, `{"mode":"READWRITE"}`},
		{"PUT", "/mode", `{"mode":"IMPORT"}`, 422, `"error_code":42205`},
		{"GET", "/config", "", 200, `{"compatibilityLevel":"BACKWARD"}`},
		{"GET", "/subjects/a-value/versions", "", 404, `"error_code":40401`},
		{"GET", "/subjects/a-value/versions/latest", "", 404, `"error_code":40401`},
		{"POST", "/subjects/a-value", body(v1), 404, `"error_code":40401`},
		{"GET", "/schemas/ids/1", "", 404, `"error_code":40403`},
		{"GET", "/schemas/ids/1/schema", "", 404, `"error_code":40403`},
		{"GET", "/schemas/ids/x", "", 404, `"error_code":40403`},

		// A level may come before the first version, and makes no subject.
		{"GET", "/config/a-value", "", 404, `"error_code":40408`},
		{"GET", "/config/a-value?defaultToGlobal=true", "", 200, `{"compatibilityLevel":"BACKWARD"}`},
		{"PUT", "/config/a-value", `{"compatibility":"full_transitive"}`, 200, `{"compatibility":"FULL_TRANSITIVE"}`},
		{"GET", "/config/a-value", "", 200, `{"compatibilityLevel":"FULL_TRANSITIVE"}`},
		{"PUT", "/config/a-value", `{"compatibility":"SOME"}`, 422, `"error_code":42203`},
		{"PUT", "/config/a-value", `{`, 422, `"error_code":42203`},
		{"GET", "/subjects", "", 200, `[]`},

		{"POST", "/subjects/a-value/versions", body(v1), 200, `{"id":1}`},
		{"POST", "/subjects/a-value/versions?normalize=true", body(v1), 200, `{"id":1}`},
		{"POST", "/subjects/a-value/versions", body(broken), 409, `"error_code":409`},
		{"POST", "/subjects/a-value/versions", body(`{"type":"money"}`), 422, `"error_code":42201`},
		{"POST", "/subjects/a-value/versions", `{}`, 422, `"error_code":42201`},
		{"POST", "/subjects/a-value/versions", `{`, 422, `"error_code":42201`},
		{"POST", "/subjects/a-value/versions", `{"schemaType":"PROTOBUF","schema":"x"}`, 422, `"error_code":42201`},
		{"POST", "/subjects/a-value/versions", `{"schema":"\"int\"","references":[{"name":"x"}]}`, 422, `"error_code":42201`},
		{"POST", "/subjects/a-value/versions", `{"schema":"\"int\"","id":7}`, 422, `"error_code":42205`},
		{"POST", "/subjects/" + strings.Repeat("x", 256) + "/versions", body(v1), 422, `"error_code":42208`},
		{"POST", "/subjects/a%2Fb-value/versions", body(v1), 200, `{"id":1}`},
		{"POST", "/subjects/a-value", body(v1), 200, described},
		{"POST", "/subjects/a-value", body(v2), 404, `"error_code":40403`},
		{"POST", "/subjects/a-value", body(`{`), 422, `"error_code":42201`},

		{"POST", "/compatibility/subjects/a-value/versions/latest", body(v2), 200, `{"is_compatible":true}`},
		{"POST", "/compatibility/subjects/a-value/versions/1", body(broken), 200, `{"is_compatible":false}`},
		{"POST", "/compatibility/subjects/a-value/versions/1?verbose=true", body(broken), 200, `no default`},
		{"POST", "/compatibility/subjects/a-value/versions?verbose=true", body(v2), 200, `{"is_compatible":true,"messages":[]}`},
		{"POST", "/compatibility/subjects/a-value/versions", body(broken), 200, `{"is_compatible":false}`},
		{"POST", "/compatibility/subjects/a-value/versions/2", body(v2), 404, `"error_code":40402`},
		{"POST", "/compatibility/subjects/a-value/versions/0", body(v2), 422, `"error_code":42202`},
		{"POST", "/compatibility/subjects/none/versions/latest", body(v2), 404, `"error_code":40401`},
		{"POST", "/compatibility/subjects/none/versions", body(v2), 200, `{"is_compatible":true}`},
		{"POST", "/compatibility/subjects/none/versions", body(`{`), 422, `"error_code":42201`},

		{"POST", "/subjects/a-value/versions", body(v2), 200, `{"id":2}`},
		{"GET", "/subjects", "", 200, `["a-value","a/b-value"]`},
		{"GET", "/subjects?subjectPrefix=a-", "", 200, `["a-value"]`},
		{"GET", "/subjects/a-value/versions", "", 200, `[1,2]`},
		{"GET", "/subjects/a-value/versions/1", "", 200, described},
		{"GET", "/subjects/a-value/versions/-1", "", 200, `"version":2`},
		{"GET", "/subjects/a-value/versions/latest/schema", "", 200, v2},
		{"GET", "/subjects/a-value/versions/3", "", 404, `"error_code":40402`},
		{"GET", "/subjects/a-value/versions/x", "", 422, `"error_code":42202`},
		{"GET", "/subjects/a-value/versions/1/referencedby", "", 200, `[]`},
		{"GET", "/schemas/ids/1", "", 200, `{"schema":` + strconv.Quote(v1) + `}`},
		{"GET", "/schemas/ids/1/schema", "", 200, v1},
		{"GET", "/schemas/ids/1/subjects", "", 200, `["a-value","a/b-value"]`},
		{"GET", "/schemas/ids/2/versions", "", 200, `[{"subject":"a-value","version":2}]`},
		{"GET", "/schemas?latestOnly=true&subjectPrefix=a-", "", 200, `"version":2`},

		{"DELETE", "/config/a-value", "", 200, `{"compatibilityLevel":"FULL_TRANSITIVE"}`},
		{"GET", "/config/a-value", "", 404, `"error_code":40408`},
		{"PUT", "/config", `{"compatibility":"NONE"}`, 200, `{"compatibility":"NONE"}`},
		{"POST", "/subjects/a-value/versions", body(broken), 200, `{"id":3}`},
		{"DELETE", "/config", "", 200, `{"compatibilityLevel":"NONE"}`},
		{"GET", "/config", "", 200, `{"compatibilityLevel":"BACKWARD"}`},
		{"DELETE", "/subjects/a-value", "", 422, `"error_code":42205`},
		{"DELETE", "/subjects/a-value/versions/1", "", 422, `"error_code":42205`},
		{"GET", "/schemas/ids/1", "", 200, `{"schema":`},
		{"GET", "/elsewhere", "", 404, `{"error_code":404,`},
	}
	for _, s := range steps {
		req, err := http.NewRequestWithContext(t.Context(), s.method, server.URL+s.path, strings.NewReader(s.body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != s.status || !strings.Contains(string(got), s.want) {
			t.Errorf("%s %s: got %d %s, want %d %s", s.method, s.path, resp.StatusCode, got, s.status, s.want)
		}
		if resp.Header.Get("Content-Type") != contentType {
			t.Errorf("%s %s: content type %s", s.method, s.path, resp.Header.Get("Content-Type"))
		}
	}
}
