package gatewaysim

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// childEnv makes the test binary a gateway that serves the directory it names.
const childEnv = "GATEWAYSIM_TEST_CHILD"

func serveUntilKilled(dir string) int {
	server, err := New(Config{DataDir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(server.URL())
	if err := server.Run(context.Background()); err != nil {
		return 1
	}
	return 0
}

// startChild returns a gateway in a process of its own, and how to kill it.
func startChild(t *testing.T, dir string) (url string, kill func()) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		if err := child.Process.Kill(); err != nil {
			t.Errorf("kill: %v", err)
		}
		_ = child.Wait() // says that it was killed
	})
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "http://") {
		t.Fatalf("child said %q, %v", line, err)
	}
	return strings.TrimSpace(line), kill
}

func TestServer_KeepsWhatItAcknowledgedThroughKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]string{} // payment to the last acknowledged status
	for range 3 {
		url, kill := startChild(t, dir)
		s := &sim{t: t, url: url, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}}
		var mu sync.Mutex
		note := func(a answer) {
			mu.Lock()
			defer mu.Unlock()
			acknowledged[a.ID] = a.Status
		}
		enough := make(chan struct{}, 1)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for n := 0; ; n++ {
					if !payUntilItFails(s, note) {
						return
					}
					const payments = 10
					if n == payments {
						select {
						case enough <- struct{}{}:
						default:
						}
					}
				}
			})
		}
		select {
		case <-enough:
		case <-time.After(patient):
			t.Error("too slow to be killed at work")
		}
		kill()
		wg.Wait()
		s.client.CloseIdleConnections()
	}
	survived := map[string]Entry{}
	for _, e := range start(t, Config{DataDir: dir}).ledger() {
		survived[e.ID] = e
		if e.Captured > e.Authorized || e.Confirms > 1 || e.Captures > 1 {
			t.Errorf("impossible: %+v", e)
		}
	}
	rank := map[string]int{string(requiresConfirmation): 1, string(requiresCapture): 2, string(succeeded): 3}
	for id, status := range acknowledged {
		if rank[survived[id].Status] < rank[status] {
			t.Errorf("%s was acknowledged as %s and is %q", id, status, survived[id].Status)
		}
	}
	if len(acknowledged) == 0 {
		t.Error("nothing was acknowledged")
	}
}

func payUntilItFails(s *sim, note func(answer)) bool {
	ctx := context.Background()
	a, err := s.try(ctx, http.MethodPost, "/v1/payment_intents", "", intent("pm_card_visa")...)
	if err != nil {
		return false
	}
	note(a)
	for _, step := range []string{"/confirm", "/capture"} {
		if a, err = s.try(ctx, http.MethodPost, "/v1/payment_intents/"+a.ID+step, ""); err != nil {
			return false
		}
		note(a)
	}
	return true
}
