//go:build e2e

package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/murmuration-dev/murmuration/e2e/stack"
)

// setup is the heading of what all other commands need.
const setup = "Setup"

// checks are what a person would see of each block, by heading, in the order of the
// document: a later one may use what an earlier one installed.
var checks = []struct {
	heading string
	check   func(t *testing.T, command string)
}{
	{"Keys and headers", seeKeysAndHeaders},
	{"One order", seeOneOrder},
	{"Groups and lag", seeGroups},
	{"Transactions", seeTransactions},
	{"A hanging transaction", seeNoneHangs},
	{"Batches on the disk", seeBatches},
	{"Avro for Kafka's console consumer", seeDeserializer},
	{"Values, with Kafka's console consumer", seeValues},
	{"Values, with Python", seeValuesInPython},
	{"Values, in a terminal", seeTerminal},
}

func TestConsole_ShowsWhatTheDocumentPromises(t *testing.T) {
	for _, c := range checks {
		t.Run(c.heading, func(t *testing.T) {
			command, ok := blocks[c.heading]
			if !ok {
				t.Fatalf("%s has no commands under this heading", page)
			}
			c.check(t, command)
		})
	}
}

func TestConsole_HasATestForEveryCommandOfTheDocument(t *testing.T) {
	tested := []string{setup}
	for _, c := range checks {
		tested = append(tested, c.heading)
	}
	slices.Sort(tested)
	if found := slices.Sorted(maps.Keys(blocks)); !slices.Equal(found, tested) {
		t.Errorf("%s has commands under\n%q\nand tested are\n%q", page, found, tested)
	}
}

func TestAudit_IsConsistentAfterADayOnServersOfOnesOwn(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := stack.Command(ctx, murmur, "audit", "--wait", "2m", "--data", platform.Data())
	if err != nil || out.Code != 0 || !strings.Contains(out.Stdout, "127 orders") || !strings.Contains(out.Stdout, "audit: consistent") {
		t.Errorf("%v: %s", err, out)
	}
	again, err := stack.Command(ctx, murmur, "replay", day, "--data", platform.Data())
	if err != nil || again.Code != 0 {
		t.Errorf("replay again: %v: %s", err, again)
	}
	records := func(said string) string { return regexp.MustCompile(`log-once +(\d+) records`).FindString(said) }
	after, err := stack.Command(ctx, murmur, "audit", "--wait", "2m", "--data", platform.Data())
	if err != nil || after.Code != 0 || records(after.Stdout) == "" || records(after.Stdout) != records(out.Stdout) {
		t.Errorf("a second replay changed something: %v: %s", err, after)
	}
}

// script is a program that runs a block after the setup, as a person does who has
// read the document so far.
func script(ctx context.Context, t *testing.T, command string) *exec.Cmd {
	t.Helper()
	file := filepath.Join(folder, "command.sh")
	text := "set -euo pipefail\n" + blocks[setup] + command
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, "bash", file)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "KAFKA="+all.Brokers(), "REGISTRY="+all.Registry(), "BROKER="+all.Kafka.Container(0).GetContainerID())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that all of it can be ended
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}

// see runs a block to its end and returns what it printed.
func see(t *testing.T, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := script(ctx, t, command)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s\n%s%s", err, command, out.String(), errs.String())
	}
	return out.String()
}

// eventuallySee repeats a block until what it prints pleases.
func eventuallySee(t *testing.T, command string, pleases func(string) error) {
	t.Helper()
	end := time.Now().Add(2 * time.Minute)
	for {
		out := see(t, command)
		err := pleases(out)
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%v\n%s", err, out)
		}
	}
}

// expect fails unless each of the expressions is found.
func expect(t *testing.T, out string, expressions ...string) {
	t.Helper()
	for _, e := range expressions {
		if !regexp.MustCompile(e).MatchString(out) {
			t.Errorf("nothing like %q is in\n%s", e, clip(out))
		}
	}
}

func clip(out string) string {
	const screen = 3000
	return out[:min(len(out), screen)]
}

func seeKeysAndHeaders(t *testing.T, command string) {
	out := see(t, command)
	expect(t, out,
		`(?m)^Partition:\d\tOffset:\d+\tce_specversion:1\.0,ce_id:order/536365/1,ce_type:com\.murmuration\.order\.Placed,ce_source:/services/order,ce_time:\d{4}-\d\d-\d\dT[0-9:.]+Z,ce_subject:536365,content-type:application/vnd\.confluent\.avro,version:1,correlation-id:\S+,causation-id:request/\S+,traceparent:00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]\t536365$`,
		`ce_type:com\.murmuration\.order\.Completed,.*\t536365\n`, `ce_type:com\.murmuration\.order\.Cancelled,`)
	if n := strings.Count(out, "ce_type:com.murmuration.order.Placed,"); n != 127 {
		t.Errorf("%d orders were placed, want the 127 of the day", n)
	}
}

func seeOneOrder(t *testing.T, command string) {
	out := see(t, command)
	expect(t, out,
		`(?m)^\d{13} orders/\d/\d+ 536365 version 1 com\.murmuration\.order\.Placed$`,
		`(?m)^\d{13} payments/\d/\d+ 536365 version \d+ com\.murmuration\.payment\.Authorized$`,
		`(?m)^\d{13} reservations/\d/\d+ 536365 version 1 com\.murmuration\.inventory\.Reserved$`,
		`(?m)^\d{13} orders/\d/\d+ 536365 version 2 com\.murmuration\.order\.Confirmed$`,
		`(?m)^\d{13} payments/\d/\d+ 536365 version \d+ com\.murmuration\.payment\.Captured$`,
		`(?m)^\d{13} orders/\d/\d+ 536365 version 3 com\.murmuration\.order\.Completed$`)
	if !strings.Contains(strings.SplitN(out, "\n", 2)[0], "order.Placed") {
		t.Errorf("the order does not begin with its placement:\n%s", out)
	}
}

// seeGroups: offsets are committed to Kafka a moment after the effects.
func seeGroups(t *testing.T, command string) {
	expected := map[string]int{"order payments": 6, "order reservations": 6, "payment orders": 6, "inventory orders": 6}
	eventuallySee(t, command, func(out string) error {
		seen := make(map[string]int)
		for line := range strings.Lines(out) {
			f := strings.Fields(line)
			if len(f) < 9 || f[0] == "GROUP" {
				continue
			}
			if f[5] != "0" || f[3] != f[4] || f[8] != f[0]+"-inbox" {
				return fmt.Errorf("not read to the end by its service: %s", line)
			}
			seen[f[0]+" "+f[1]]++
		}
		if !maps.Equal(seen, expected) {
			return fmt.Errorf("partitions by group and topic are %v, want %v", seen, expected)
		}
		return nil
	})
}

func seeTransactions(t *testing.T, command string) {
	var each []string
	for _, service := range []string{"order", "payment", "inventory"} {
		for _, turn := range []string{"0", "1"} {
			each = append(each, `(?m)^`+service+`-`+turn+`\s+\d+\s+\d+\s+CompleteCommit\s*$`)
		}
	}
	eventuallySee(t, command, func(out string) error {
		for _, e := range each {
			if !regexp.MustCompile(e).MatchString(out) {
				return fmt.Errorf("nothing like %q", e)
			}
		}
		return nil
	})
}

func seeNoneHangs(t *testing.T, command string) {
	out := strings.TrimSpace(see(t, command))
	expect(t, out, `^Topic\s+Partition\s+ProducerId`)
	if strings.Contains(out, "\n") {
		t.Errorf("a transaction hangs:\n%s", out)
	}
}

func seeBatches(t *testing.T, command string) {
	out := see(t, command)
	batch := regexp.MustCompile(`^baseOffset: \d+ lastOffset: \d+ count: (\d+) .* producerId: (\d+) producerEpoch: (\d+) .* isTransactional: true isControl: (true|false)$`)
	data, markers := 0, 0
	for line := range strings.Lines(out) {
		f := batch.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		switch {
		case f == nil:
			t.Errorf("not a batch of a transaction: %s", line)
		case f[4] == "true" && f[1] == "1":
			markers++
		default:
			data++
		}
	}
	if data == 0 || data != markers {
		t.Errorf("%d batches of records and %d markers of transactions, want a marker for each:\n%s", data, markers, clip(out))
	}
}

func seeDeserializer(t *testing.T, command string) {
	see(t, command)
	jars, err := filepath.Glob(filepath.Join(folder, "avro", "jars", "apicurio-registry-avro-serde-kafka-*.jar"))
	if err != nil || len(jars) != 1 {
		t.Errorf("is not there: %v, %v", jars, err)
	}
}

func seeValues(t *testing.T, command string) {
	out := see(t, command)
	expect(t, out, `(?m)^536365\t\{"order_id": "536365", "version": 1, "event": "Placed", "status": "PLACED", "customer": "17850", "currency": "GBP", "payment_method": "pm_card_visa", "total": 13912, `)
	decoded := 0
	for line := range strings.Lines(out) {
		key, value, ok := strings.Cut(line, "\t")
		var order struct {
			OrderID string `json:"order_id"`
			Status  string
			Version int64
		}
		if !ok || json.Unmarshal([]byte(value), &order) != nil || order.OrderID != key || order.Status == "" || order.Version < 1 {
			t.Errorf("not a decoded order: %s", clip(line))
			continue
		}
		decoded++
	}
	if decoded < 3*114 { // placed, confirmed and completed, of each that completed
		t.Errorf("%d records were decoded", decoded)
	}
}

func seeValuesInPython(t *testing.T, command string) {
	const want = "536365 version 1 PLACED Placed\n536365 version 2 CONFIRMED Confirmed\n536365 version 3 COMPLETED Completed\n"
	if out := see(t, command); out != want {
		t.Errorf("shows\n%s\nwant\n%s", out, want)
	}
}

// seeTerminal gives the program a terminal to draw on, and looks for a decoded
// record among what it draws.
func seeTerminal(t *testing.T, command string) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	// script gives it a session of its own, which does not end with script.
	session := filepath.Join(folder, "session")
	inside := script(ctx, t, "echo $$ >"+session+"\nstty cols 160 rows 50\n"+command)
	cmd := exec.CommandContext(ctx, "script", "--quiet", "--flush", "--command", strings.Join(inside.Args, " "), filepath.Join(folder, "screen"))
	cmd.Dir, cmd.Env, cmd.SysProcAttr = inside.Dir, slices.Concat(inside.Env, []string{"TERM=xterm-256color"}), inside.SysProcAttr
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	keyboard, err := cmd.StdinPipe() // open, and nothing is typed
	if err != nil {
		t.Fatal(err)
	}
	defer keyboard.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() {
		cancel()
		<-ended
		endSession(t, session)
	}()
	record := regexp.MustCompile(`\{'order_id': '53\d{4}', 'version': \d+, 'event': '[A-Z]`)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(2 * time.Minute); ; <-tick.C {
		screen, err := os.ReadFile(filepath.Join(folder, "screen"))
		if err == nil && record.Match(screen) {
			return
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("it ended: %v\n%q", err, clip(string(screen)))
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("no decoded record is drawn: %v\n%q", err, clip(string(screen)))
		}
	}
}

// endSession ends what a file names the leader of.
func endSession(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Error(err)
		return
	}
	leader, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Error(err)
		return
	}
	if err := syscall.Kill(-leader, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Error(err)
	}
}
