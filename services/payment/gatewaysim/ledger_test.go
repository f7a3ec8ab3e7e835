package gatewaysim

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestNew_RefusesAnotherVersionsLedger(t *testing.T) {
	for name, statement := range map[string]string{
		"newer":        "PRAGMA user_version = 2",
		"older":        "PRAGMA user_version = -1",
		"someone else": "CREATE TABLE notes (text); PRAGMA user_version = 0",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			db, err := sql.Open("sqlite", filepath.Join(dir, ledgerFile))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			_, err = New(Config{DataDir: dir})
			if !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), dir) {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestNew_RefusesWhatIsNoLedger(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ledgerFile), []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{DataDir: dir}); err == nil {
		t.Fatal("accepted")
	}
}

func TestNew_RefusesALedgerInUse(t *testing.T) {
	s := start(t, Config{})
	if _, err := New(Config{DataDir: s.server.cfg.DataDir}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Fatalf("got %v", err)
	}
}

func TestNew_RefusesWrongConfiguration(t *testing.T) {
	taken := start(t, Config{Listen: "127.0.0.1:0"})
	for name, cfg := range map[string]Config{
		"no directory":        {},
		"negative lifetime":   {DataDir: t.TempDir(), KeyTTL: -1},
		"address taken":       {DataDir: t.TempDir(), Listen: strings.TrimPrefix(taken.server.URL(), "http://")},
		"directory is a file": {DataDir: filepath.Join(taken.server.cfg.DataDir, ledgerFile)},
	} {
		t.Run(name, func(t *testing.T) {
			if s, err := New(cfg); err == nil {
				t.Errorf("accepted, close: %v", s.Close())
			}
		})
	}
}

func TestNew_TakesAnyPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "with space", "and ?mark#s%41")
	s := start(t, Config{DataDir: dir})
	s.create("pm_card_visa")
	if _, err := os.Stat(filepath.Join(dir, ledgerFile)); err != nil {
		t.Fatal(err)
	}
}

func TestLedger_AFailedJobUndoesItsWholeBatch(t *testing.T) {
	s := start(t, Config{})
	id := s.create("pm_card_visa")
	broken := errors.New("broken")
	l := s.server.ledger
	batch := []*job{
		{run: func(t *tx) error {
			p, err := t.payment(id)
			if err != nil {
				return err
			}
			p.confirm()
			return t.save(p)
		}},
		{run: func(*tx) error { return broken }},
	}
	// The writer is idle and stays so: commit is called from one goroutine at a time.
	if err := l.commit(batch); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	if p, ok := l.cached(id); !ok || p.status != requiresConfirmation {
		t.Fatalf("the cache shows what was not committed: %+v", p)
	}
	if e := s.ledger()[0]; e.Authorized != 0 {
		t.Fatalf("the file holds what was not committed: %+v", e)
	}
	s.want(s.post("/v1/payment_intents/"+id+"/confirm", ""), requiresCapture)
}

func TestLedger_TheFileRefusesImpossibleAmounts(t *testing.T) {
	s := start(t, Config{})
	for name, change := range map[string]func(*payment){
		"captured above authorized": func(p *payment) { p.captured = 1 },
		"refunded above captured":   func(p *payment) { p.refunded = 1 },
		"authorized in part":        func(p *payment) { p.authorized = 999 },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPayment(1000, "gbp", "pm_card_visa", nil, s.clock.Now())
			change(p)
			if err := s.server.ledger.do(func(t *tx) error { return t.save(p) }); err == nil {
				t.Error("accepted")
			}
		})
	}
	if n := len(s.ledger()); n != 0 {
		t.Errorf("%d payments were stored", n)
	}
}

func TestLedger_WaitsForTheDiskAndOwnsTheFile(t *testing.T) {
	s := start(t, Config{})
	for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "locking_mode": "exclusive"} {
		var got string
		err := s.server.ledger.do(func(t *tx) error {
			return t.ledger.conn.QueryRowContext(context.Background(), "PRAGMA "+pragma).Scan(&got)
		})
		if err != nil || got != want {
			t.Errorf("%s is %q, want %q, %v", pragma, got, want, err)
		}
	}
}

func TestLedger_StateOutlivesTheCache(t *testing.T) {
	s := start(t, Config{})
	id := s.captured()
	l := s.server.ledger
	forget := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		clear(l.cache)
	}
	forget()
	s.want(s.get("/v1/payment_intents/"+id), succeeded)
	forget()
	if a := s.post("/v1/refunds", "", "payment_intent", id); a.Amount != 1000 {
		t.Fatal(a.raw)
	}
}

func TestLedger_TheCacheIsBounded(t *testing.T) {
	l := &ledger{cache: map[string]*payment{}}
	for range cacheLimit + 10 {
		p := newPayment(1, "gbp", "", nil, fixedTime)
		l.publish(map[string]*payment{p.id: p})
	}
	if len(l.cache) != cacheLimit {
		t.Fatalf("%d payments cached, want %d", len(l.cache), cacheLimit)
	}
}

func TestLedger_ReadsAllPagesInOrder(t *testing.T) {
	s := start(t, Config{})
	var want []string
	err := s.server.ledger.do(func(t *tx) error {
		for range 2*pageSize + 1 {
			p := newPayment(7, "eur", "pm_card_visa", nil, fixedTime)
			want = append(want, p.id)
			if err := t.save(p); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got := s.ledger()
	if len(got) != len(want) {
		t.Fatalf("%d entries, want %d", len(got), len(want))
	}
	for i, e := range got {
		if e.ID != want[i] {
			t.Fatalf("entry %d is %s, want %s", i, e.ID, want[i])
		}
	}
	for range s.control().Ledger(t.Context()) { //nolint:errcheck // an early end is the point
		break // an early end must not disturb the caller or leave a connection
	}
	totals, err := s.control().Totals(t.Context())
	if err != nil || totals["EUR"].Payments != int64(len(want)) {
		t.Fatalf("%+v, %v", totals, err)
	}
}

func TestLedger_CloseAnswersWhoeverWaits(t *testing.T) {
	s := start(t, Config{})
	l := s.server.ledger
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for {
				if err := l.do(func(*tx) error { return nil }); err != nil {
					if !errors.Is(err, errClosed) {
						t.Errorf("got %v", err)
					}
					return
				}
			}
		})
	}
	if err := s.server.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

func TestServer_RunSendsAnswersUnderWayAndEnds(t *testing.T) {
	server, err := New(Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- server.Run(ctx) }()
	control, closeIdle := controlOf(server.URL())
	defer closeIdle()
	if _, err := control.Totals(t.Context()); err != nil {
		t.Fatal(err)
	}
	entered, release := make(chan struct{}), make(chan struct{})
	go func() { _ = server.ledger.do(func(*tx) error { close(entered); <-release; return nil }) }()
	<-entered
	answered := make(chan error, 1)
	go func() {
		_, err := control.Totals(context.Background())
		answered <- err
	}()
	eventually(t, "the request waits for the writer", func() bool { return len(server.ledger.jobs) == 1 })
	cancel()
	close(release)
	if err := <-answered; err != nil {
		t.Errorf("the answer under way was lost: %v", err)
	}
	if err := <-ran; err != nil {
		t.Errorf("run: %v", err)
	}
	if _, err := control.Totals(t.Context()); err == nil {
		t.Error("still serving")
	}
}
