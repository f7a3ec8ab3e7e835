package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/murmuration-dev/murmuration/pkg/avro"
)

// maxBody bounds a request: the largest schema, with every character escaped.
const maxBody = 4 << 20

// maxSubject bounds the name of a subject; topics have at most 249 characters.
const maxSubject = 255

// endpoint answers a request with a result or an error, from the state at its
// start.
type endpoint func(s *state, req *http.Request) (any, error)

func routes(r *Registry) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, e endpoint) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, req *http.Request) {
			req.Body = http.MaxBytesReader(w, req.Body, maxBody)
			result, err := e(r.current.Load(), req)
			reply(w, result, err)
		})
	}
	handle("GET /{$}", fixed(map[string]any{}))
	handle("GET /contexts", fixed([]string{"."}))
	handle("GET /schemas/types", fixed([]string{"AVRO"}))
	handle("GET /mode", fixed(map[string]string{"mode": "READWRITE"}))
	handle("GET /mode/{subject}", fixed(map[string]string{"mode": "READWRITE"}))

	handle("GET /schemas", listSchemas)
	handle("GET /schemas/ids/{id}", getSchema)
	handle("GET /schemas/ids/{id}/schema", getSchemaText)
	handle("GET /schemas/ids/{id}/versions", getSchemaVersions)
	handle("GET /schemas/ids/{id}/subjects", getSchemaSubjects)

	handle("GET /subjects", listSubjects)
	handle("POST /subjects/{subject}", lookUp)
	handle("GET /subjects/{subject}/versions", listVersions)
	handle("POST /subjects/{subject}/versions", r.postVersion)
	handle("GET /subjects/{subject}/versions/{version}", getVersion)
	handle("GET /subjects/{subject}/versions/{version}/schema", getVersionText)
	handle("GET /subjects/{subject}/versions/{version}/referencedby", fixed([]int{}))

	handle("POST /compatibility/subjects/{subject}/versions", checkAll)
	handle("POST /compatibility/subjects/{subject}/versions/{version}", checkOne)

	for _, path := range []string{"/config", "/config/{subject}"} {
		handle("GET "+path, getLevel)
		handle("PUT "+path, r.putLevel)
		handle("DELETE "+path, r.deleteLevel)
	}
	for _, pattern := range []string{
		"DELETE /subjects/{subject}", "DELETE /subjects/{subject}/versions/{version}",
		"PUT /mode", "PUT /mode/{subject}",
	} {
		handle(pattern, refuse)
	}
	handle("/", func(*state, *http.Request) (any, error) {
		return nil, &apiError{http.StatusNotFound, http.StatusNotFound, "HTTP 404 Not Found"}
	})
	return mux
}

func refuse(*state, *http.Request) (any, error) {
	return nil, errNotPermitted("Nothing is deleted and the mode is READWRITE: records may name any id")
}

func fixed(result any) endpoint {
	return func(*state, *http.Request) (any, error) { return result, nil }
}

// schemaBody is the body of every request that carries a schema.
type schemaBody struct {
	Schema     string            `json:"schema"`
	SchemaType string            `json:"schemaType"`
	References []json.RawMessage `json:"references"`
	ID         int               `json:"id"`
	Version    int               `json:"version"`
}

func readSchema(req *http.Request) (schemaBody, error) {
	var body schemaBody
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
		return body, errInvalidSchema(fmt.Errorf("read the request: %w", err))
	}
	switch {
	case body.Schema == "":
		return body, errInvalidSchema(errors.New("the request has no schema"))
	case body.SchemaType != "" && body.SchemaType != "AVRO":
		return body, errInvalidSchema(errors.New("only AVRO is supported"))
	case len(body.References) > 0:
		return body, errInvalidSchema(errors.New("references are not supported"))
	}
	return body, nil
}

func (r *Registry) postVersion(_ *state, req *http.Request) (any, error) {
	name := req.PathValue("subject")
	if name == "" || len(name) > maxSubject || strings.ContainsRune(name, 0) {
		return nil, &apiError{http.StatusUnprocessableEntity, 42208, "The specified subject is not a valid name"}
	}
	body, err := readSchema(req)
	if err != nil {
		return nil, err
	}
	if body.ID > 0 || body.Version > 0 {
		return nil, errNotPermitted("The subject is not in import mode: ids and versions cannot be chosen")
	}
	id, err := r.register(name, body.Schema)
	return map[string]int{"id": id}, err
}

// lookUp finds the version of a subject that a schema already is.
func lookUp(s *state, req *http.Request) (any, error) {
	body, err := readSchema(req)
	if err != nil {
		return nil, err
	}
	name := req.PathValue("subject")
	if len(s.Subjects[name].Versions) == 0 {
		return nil, errSubject(name)
	}
	key, err := identity(body.Schema)
	if err != nil {
		return nil, err
	}
	v, ok := s.find(name, key)
	if !ok {
		return nil, errSchema()
	}
	return s.describe(name, v), nil
}

// verdict is the answer of the compatibility endpoints. Only a verbose one has
// reasons.
func verdict(req *http.Request, err error) (any, error) {
	result := map[string]any{"is_compatible": err == nil}
	if err != nil && !errors.Is(err, avro.ErrIncompatible) {
		return nil, errInvalidSchema(err)
	}
	if req.URL.Query().Get("verbose") == "true" {
		reasons := []string{}
		if err != nil {
			reasons = append(reasons, err.Error())
		}
		result["messages"] = reasons
	}
	return result, nil
}

// checkAll answers what registering would.
func checkAll(s *state, req *http.Request) (any, error) {
	body, err := readSchema(req)
	if err != nil {
		return nil, err
	}
	name := req.PathValue("subject")
	return verdict(req, avro.CheckLevel(s.level(name), body.Schema, s.texts(name)...))
}

// checkOne compares with one version only, whatever the level says of others.
func checkOne(s *state, req *http.Request) (any, error) {
	body, err := readSchema(req)
	if err != nil {
		return nil, err
	}
	name := req.PathValue("subject")
	v, err := s.version(name, req.PathValue("version"))
	if err != nil {
		return nil, err
	}
	level := strings.TrimSuffix(s.level(name), "_TRANSITIVE")
	return verdict(req, avro.CheckLevel(level, body.Schema, s.texts(name)[:v.Version]...))
}

func getLevel(s *state, req *http.Request) (any, error) {
	name := req.PathValue("subject")
	if name != "" && s.Subjects[name].Level == "" && req.URL.Query().Get("defaultToGlobal") != "true" {
		return nil, errNoLevel(name)
	}
	return map[string]string{"compatibilityLevel": s.level(name)}, nil
}

func (r *Registry) putLevel(_ *state, req *http.Request) (any, error) {
	var body struct {
		Compatibility string `json:"compatibility"`
	}
	if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
		return nil, errInvalidLevel()
	}
	level := strings.ToUpper(body.Compatibility)
	if !avro.ValidLevel(level) {
		return nil, errInvalidLevel()
	}
	err := r.change(func(s *state) error { return s.setLevel(req.PathValue("subject"), level) })
	return map[string]string{"compatibility": level}, err
}

// deleteLevel answers with the level that was in force.
func (r *Registry) deleteLevel(s *state, req *http.Request) (any, error) {
	name := req.PathValue("subject")
	err := r.change(func(s *state) error { return s.setLevel(name, "") })
	return map[string]string{"compatibilityLevel": s.level(name)}, err
}

// number reads a positive number of a path.
func number(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && n > 0
}
