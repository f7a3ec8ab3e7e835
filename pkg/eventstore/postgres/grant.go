package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// grants selects the statements that let role $1 use what the current one owns:
// rows of tables, but of the version tables $2 no more than to look at them.
const grants = `
	SELECT format('GRANT %s ON %s %I.%I TO %I',
		CASE WHEN c.relkind = 'S' THEN 'USAGE, SELECT' WHEN c.relname = ANY($2::text[]) THEN 'SELECT' ELSE 'SELECT, INSERT, UPDATE, DELETE' END,
		CASE WHEN c.relkind = 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, n.nspname, c.relname, $1::text)
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'S') AND pg_get_userbyid(c.relowner) = current_user AND current_user <> $1::text
	UNION ALL
	SELECT format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), $1::text)
	WHERE current_user <> $1::text AND NOT has_schema_privilege($1::text::name, current_schema()::text, 'USAGE')`

// grant is repeated after each migration, also where none was due: so the rights
// are there whoever migrated before, and whichever role a service has now. It needs
// the lock of migrations: two grants on one table at once fail.
func grant(ctx context.Context, db *sql.DB, role string, all []schema) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("give rights to the role %s: %w", role, err)
		}
	}()
	versions := make([]string, len(all))
	for i, s := range all {
		versions[i] = s.table
	}
	statements, err := selectText(ctx, db, grants, role, versions)
	if err != nil {
		return refusal(err)
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return refusal(err)
		}
	}
	return nil
}

// selectText returns the only column of a query.
func selectText(ctx context.Context, db *sql.DB, query string, args ...any) (texts []string, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, rows.Err()
}

// roleOf is the role that a URL names; empty for no URL.
func roleOf(url string) (string, error) {
	if url == "" {
		return "", nil
	}
	c, err := connConfig(url)
	if err != nil {
		return "", err
	}
	return c.User, nil
}
