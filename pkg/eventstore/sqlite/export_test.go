package sqlite

import (
	"database/sql/driver"
	"time"
)

// CloseWithin is Close with another bound for units under way.
func CloseWithin(s *Store, grace time.Duration) error {
	s.grace = grace
	return s.Close()
}

// LimitWAL makes the writer empty the log at so many pages.
func LimitWAL(s *Store, pages int64) {
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	s.writer.maxWAL = pages
}

// ExecOnWriter runs a statement on the writing connection, outside of any
// unit.
func ExecOnWriter(s *Store, sql string) (result int64, err error) {
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	if err := s.writer.ready(); err != nil {
		return 0, err
	}
	err = s.writer.conn.query(sql, func(v []driver.Value) { result = integer(v[0]) })
	return result, err
}

// Waiting is how many callers wait in Begin.
func Waiting(s *Store) int {
	s.writer.turns.mu.Lock()
	defer s.writer.turns.mu.Unlock()
	return s.writer.turns.waiting.Len()
}

// Statements is how many statements the writing connection keeps prepared.
func Statements(s *Store) int {
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	return len(s.writer.conn.stmts)
}

// MaxStatements bounds Statements.
const MaxStatements = maxStatements

// Path is that of the database file.
func Path(s *Store) string { return s.path }
