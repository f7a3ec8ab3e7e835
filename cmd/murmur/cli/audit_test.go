package cli

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/murmuration-dev/murmuration/cmd/murmur/audit"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

func TestAudit_PassesAPlatformAtRest(t *testing.T) {
	shared.stock(t, "AUDITED", 10)
	shared.place(t, "audited-1", "AUDITED", "pm_card_visa")
	out := succeed(t, "audit", "--data", shared.data)
	contains(t, out, "ok", "log-once", "double-charge", "GBP", "audit: consistent\n")

	var report audit.Report
	if err := json.Unmarshal([]byte(succeed(t, "audit", "--data", shared.data, "-o", "json")), &report); err != nil {
		t.Fatal(err)
	}
	if report.Verdict != audit.Consistent || report.Counts.Orders == 0 || len(report.Checks) == 0 {
		t.Errorf("report is %+v", report)
	}
}

func TestAudit_RefusesANegativeWait(t *testing.T) {
	if _, errs, code := murmur(t, "audit", "--data", shared.data, "--wait", "-1s"); code != run.ExitUsage {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

func TestAudit_NeedsAPlatform(t *testing.T) {
	if _, errs, code := murmur(t, "audit", "--data", filepath.Join(t.TempDir(), "none")); code != run.ExitUsage {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

func TestAudit_TellsItsVerdictByTheExitCode(t *testing.T) {
	for verdict, want := range map[string]int{
		audit.Consistent: run.ExitOK, audit.Inconsistent: run.ExitInconsistent, audit.Unsettled: run.ExitTempFail,
	} {
		if got := run.ExitCode(verdictError(audit.Report{Verdict: verdict})); got != want {
			t.Errorf("%s exits with %d, want %d", verdict, got, want)
		}
	}
}

func TestRebuild_ComparesEveryKindOfStream(t *testing.T) {
	shared.stock(t, "REBUILT", 10)
	shared.place(t, "rebuilt-1", "REBUILT", "pm_card_visa")
	contains(t, succeed(t, "rebuild", "--data", shared.data), "order", "payment", "reservation", "stock", "every row is what its events give")

	var rebuilt []audit.Rebuilt
	if err := json.Unmarshal([]byte(succeed(t, "rebuild", "--data", shared.data, "-o", "json")), &rebuilt); err != nil {
		t.Fatal(err)
	}
	for _, r := range rebuilt {
		if r.Streams == 0 || r.Count > 0 {
			t.Errorf("rebuilt %+v", r)
		}
	}
}

func TestRebuild_NamesTheRowsThatDiffer(t *testing.T) {
	c := newRebuild()
	var out live
	c.SetOut(&out)
	err := compare(c.OutOrStdout(), []audit.Rebuilt{{
		Service: "order", Kind: "order", Streams: 2, Events: 6, Count: 1,
		List: []audit.Finding{{Subject: "order o-1", Version: 3, Detail: "state row differs"}},
	}}, false)
	if code := run.ExitCode(err); code != run.ExitInconsistent {
		t.Errorf("exit code %d: %v", code, err)
	}
	contains(t, out.String(), "order o-1 (version 3): state row differs", "1 rows DIFFER")
}
