package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/murmuration-dev/murmuration/pkg/eventstore"
)

// What PostgreSQL calls the errors that the store tells apart.
const (
	uniqueViolation      = "23505"
	checkViolation       = "23514"
	divisionByZero       = "22012"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	invalidPassword      = "28P01"
	invalidAuthorization = "28000"
	invalidDatabase      = "3D000"
)

// unusable marks what the server refuses because of the settings: the user, the
// password, or the name of the database. A server that is starting refuses
// otherwise.
func unusable(err error) error {
	switch code(err) {
	case invalidPassword, invalidAuthorization, invalidDatabase:
		return fmt.Errorf("%w: %w", eventstore.ErrUnusable, err)
	}
	return err
}

// failure makes an error of the driver show why the caller's context ended.
func failure(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || errors.Is(err, ctx.Err()) {
		return err
	}
	return fmt.Errorf("%w: %w", context.Cause(ctx), err)
}

// code is PostgreSQL's name for the error, or empty when it is not one of its
// own.
func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// lostOrder makes a ConflictError of what the server refused because another
// unit was first, and returns any other error as it is.
func lostOrder(what string, err error) error {
	switch code(err) {
	case serializationFailure, deadlockDetected:
		return fmt.Errorf("%w: %w", &eventstore.ConflictError{What: what, Expected: -1, Actual: -1}, err)
	}
	return err
}

// sentCommit tells whether a batch that ends with COMMIT, and failed with err,
// may have been carried out all the same. As long as the connection lives, the
// server has said that it was not.
func sentCommit(conn *pgx.Conn, err error) bool {
	var refused pgx.ErrPreprocessingBatch
	return conn.IsClosed() && !pgconn.SafeToRetry(err) && !errors.As(err, &refused)
}

// text replaces what PostgreSQL does not keep in text.
func text(s string) string {
	if isText(s) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, string(utf8.RuneError)), "\x00", string(utf8.RuneError))
}

func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

func checkName(id eventstore.StreamID) error {
	if !isText(id.Kind) || !isText(id.ID) {
		return fmt.Errorf("stream %q: a name is UTF-8 text without NUL", id.String())
	}
	return nil
}
