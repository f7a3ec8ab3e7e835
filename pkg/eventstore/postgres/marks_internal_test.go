package postgres

import "testing"

func TestMarks_WaitForEveryTransactionThatWasAlive(t *testing.T) {
	var m marks
	for _, s := range []struct {
		name             string
		last, id, oldest int64
		want             int64
	}{
		{"nothing else is under way", 10, 100, 100, 10},
		{"102 may still show a row up to 20", 20, 105, 102, 10},
		{"it still may", 30, 110, 102, 10},
		{"what was alive at 20 has ended", 40, 120, 106, 20},
		{"what was alive at 30 has too", 40, 0, 110, 30},
		{"and at 40", 40, 0, 125, 40},
		{"nothing new", 40, 0, 130, 40},
	} {
		if got := m.advance("one", s.last, s.id, s.oldest); got != s.want {
			t.Errorf("%s: the mark is %d, want %d", s.name, got, s.want)
		}
	}
}

func TestMarks_StartAnewOnAnotherServer(t *testing.T) {
	var m marks
	m.advance("one", 1000, 50, 50)
	if got := m.advance("two", 1000, 0, 60); got != 0 || m.newest() != 0 {
		t.Errorf("the mark is %d, the newest %d, on a server that counts anew", got, m.newest())
	}
	if got := m.advance("two", 1200, 70, 70); got != 1200 {
		t.Errorf("the mark is %d, want 1200", got)
	}
	if got := m.advance("two", 900, 80, 75); got != 0 {
		t.Errorf("the mark is %d although the last sequence is 900 and not safe", got)
	}
}

// A transaction that never ends must not make the memory grow, nor keep the
// mark from moving when it does.
func TestMarks_AreBounded(t *testing.T) {
	var m marks
	for i := range int64(10 * maxCandidates) {
		if got := m.advance("one", i+1, 10+i, 5); got != 0 {
			t.Fatalf("the mark is %d beside an open transaction", got)
		}
	}
	if n := len(m.candidates); n > maxCandidates {
		t.Errorf("%d candidates, want at most %d", n, maxCandidates)
	}
	if got := m.advance("one", 10_000, 10_000, 10_000); got != 10_000 {
		t.Errorf("the mark is %d after all have ended, want 10000", got)
	}
}
