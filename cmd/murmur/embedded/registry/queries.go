package registry

import (
	"net/http"
	"slices"
)

// described is a version of a subject with all that is known of it.
type described struct {
	Subject string `json:"subject"`
	Version int    `json:"version"`
	ID      int    `json:"id"`
	Schema  string `json:"schema"`
}

func (s *state) describe(name string, v version) described {
	return described{Subject: name, Version: v.Version, ID: v.ID, Schema: s.Schemas[v.ID-1]}
}

// version finds a version by its number, "latest" or "-1".
func (s *state) version(name, text string) (version, error) {
	ids := s.Subjects[name].Versions
	if len(ids) == 0 {
		return version{}, errSubject(name)
	}
	if text == "latest" || text == "-1" {
		return version{Version: len(ids), ID: ids[len(ids)-1]}, nil
	}
	n, ok := number(text)
	if !ok {
		return version{}, errInvalidVersion(text)
	}
	if n > len(ids) {
		return version{}, errVersion(text)
	}
	return version{Version: n, ID: ids[n-1]}, nil
}

func listSubjects(s *state, req *http.Request) (any, error) {
	return s.names(req.URL.Query().Get("subjectPrefix")), nil
}

func listSchemas(s *state, req *http.Request) (any, error) {
	all := []described{}
	for _, name := range s.names(req.URL.Query().Get("subjectPrefix")) {
		ids := s.Subjects[name].Versions
		for i, id := range ids {
			if i == len(ids)-1 || req.URL.Query().Get("latestOnly") != "true" {
				all = append(all, s.describe(name, version{Version: i + 1, ID: id}))
			}
		}
	}
	return all, nil
}

func listVersions(s *state, req *http.Request) (any, error) {
	name := req.PathValue("subject")
	ids := s.Subjects[name].Versions
	if len(ids) == 0 {
		return nil, errSubject(name)
	}
	numbers := make([]int, len(ids))
	for i := range ids {
		numbers[i] = i + 1
	}
	return numbers, nil
}

func getVersion(s *state, req *http.Request) (any, error) {
	name := req.PathValue("subject")
	v, err := s.version(name, req.PathValue("version"))
	if err != nil {
		return nil, err
	}
	return s.describe(name, v), nil
}

// getVersionText answers with the schema itself instead of a text in JSON.
func getVersionText(s *state, req *http.Request) (any, error) {
	v, err := s.version(req.PathValue("subject"), req.PathValue("version"))
	if err != nil {
		return nil, err
	}
	return rawJSON(s.Schemas[v.ID-1]), nil
}

func (s *state) byID(req *http.Request) (id int, text string, err error) {
	id, _ = number(req.PathValue("id"))
	text, ok := s.text(id)
	if !ok {
		return 0, "", errSchema()
	}
	return id, text, nil
}

func getSchema(s *state, req *http.Request) (any, error) {
	_, text, err := s.byID(req)
	return map[string]string{"schema": text}, err
}

func getSchemaText(s *state, req *http.Request) (any, error) {
	_, text, err := s.byID(req)
	return rawJSON(text), err
}

func getSchemaVersions(s *state, req *http.Request) (any, error) {
	id, _, err := s.byID(req)
	type use struct {
		Subject string `json:"subject"`
		Version int    `json:"version"`
	}
	uses := []use{}
	for _, name := range s.names("") {
		if i := slices.Index(s.Subjects[name].Versions, id); i >= 0 {
			uses = append(uses, use{Subject: name, Version: i + 1})
		}
	}
	return uses, err
}

func getSchemaSubjects(s *state, req *http.Request) (any, error) {
	id, _, err := s.byID(req)
	uses := slices.DeleteFunc(s.names(""), func(name string) bool {
		return !slices.Contains(s.Subjects[name].Versions, id)
	})
	return uses, err
}

// rawJSON is written as it is.
type rawJSON string

// MarshalJSON implements json.Marshaler.
func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }
