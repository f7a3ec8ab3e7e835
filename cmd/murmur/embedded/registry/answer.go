package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// apiError is a failure as clients of the API expect it: a status and a code of
// the registry.
type apiError struct {
	status  int
	code    int
	message string
}

func (e *apiError) Error() string { return e.message }

func errSubject(name string) error {
	return &apiError{http.StatusNotFound, 40401, fmt.Sprintf("Subject '%s' not found.", name)}
}

func errVersion(v string) error {
	return &apiError{http.StatusNotFound, 40402, fmt.Sprintf("Version %s not found.", v)}
}

func errSchema() error {
	return &apiError{http.StatusNotFound, 40403, "Schema not found"}
}

func errNoLevel(name string) error {
	return &apiError{http.StatusNotFound, 40408,
		fmt.Sprintf("Subject '%s' does not have subject-level compatibility configured", name)}
}

func errIncompatible(name string, cause error) error {
	return &apiError{http.StatusConflict, http.StatusConflict,
		fmt.Sprintf("Schema being registered is incompatible with an earlier schema for subject %q: %v", name, cause)}
}

func errInvalidSchema(cause error) error {
	return &apiError{http.StatusUnprocessableEntity, 42201, fmt.Sprintf("Invalid schema: %v", cause)}
}

func errInvalidVersion(v string) error {
	return &apiError{http.StatusUnprocessableEntity, 42202,
		fmt.Sprintf("The specified version '%s' is not a valid version id", v)}
}

func errInvalidLevel() error {
	return &apiError{http.StatusUnprocessableEntity, 42203,
		"Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and full_transitive"}
}

func errNotPermitted(what string) error {
	return &apiError{http.StatusUnprocessableEntity, 42205, what}
}

func errStore(cause error) error {
	return &apiError{http.StatusInternalServerError, 50001, fmt.Sprintf("Error in the backend data store: %v", cause)}
}

const contentType = "application/vnd.schemaregistry.v1+json"

// reply writes a result, or the error instead.
func reply(w http.ResponseWriter, result any, err error) {
	w.Header().Set("Content-Type", contentType)
	if err != nil {
		failure := &apiError{http.StatusInternalServerError, 50001, err.Error()}
		errors.As(err, &failure)
		w.WriteHeader(failure.status)
		result = map[string]any{"error_code": failure.code, "message": failure.message}
	}
	// The only failure left is a client that went away.
	_ = json.NewEncoder(w).Encode(result)
}
