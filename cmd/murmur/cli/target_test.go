package cli

import (
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

// resolve runs target on a command line.
func resolve(t *testing.T, needs []address, args ...string) (embedded.Addresses, error) {
	t.Helper()
	var to embedded.Addresses
	c := &cobra.Command{Use: "x", SilenceErrors: true, SilenceUsage: true}
	c.RunE = func(c *cobra.Command, _ []string) error {
		var err error
		to, err = target(c, needs...)
		return err
	}
	addTarget(c)
	c.SetArgs(args)
	err := c.ExecuteContext(t.Context())
	return to, err
}

func TestTarget_IsThePlatformOfTheFolder(t *testing.T) {
	to, err := resolve(t, allAddresses, "--data", shared.data)
	if err != nil || !reflect.DeepEqual(to, shared.Addresses) {
		t.Errorf("is %+v, %v; want %+v", to, err, shared.Addresses)
	}
}

func TestTarget_PrefersWhatIsGiven(t *testing.T) {
	to, err := resolve(t, allAddresses, "--data", shared.data, "--kafka", "elsewhere:9092", "--order-ops", "http://elsewhere:1/")
	want := shared.Addresses
	want.Kafka, want.Order.Ops = "elsewhere:9092", "http://elsewhere:1"
	if err != nil || !reflect.DeepEqual(to, want) {
		t.Errorf("is %+v, %v; want %+v", to, err, want)
	}
}

func TestTarget_NeedsNoFolderIfAddressesAreGiven(t *testing.T) {
	t.Chdir(t.TempDir())
	to, err := resolve(t, []address{kafkaAddress}, "--kafka", "elsewhere:9092")
	if err != nil || !reflect.DeepEqual(to, embedded.Addresses{Kafka: "elsewhere:9092"}) {
		t.Errorf("is %+v, %v", to, err)
	}
}

func TestTarget_SaysWhatIsMissingOrWrong(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, test := range map[string]struct {
		args []string
		says []string
	}{
		"no platform":            {nil, []string{"no platform is running here", "murmur up", "--kafka", "--order"}},
		"one of two":             {[]string{"--kafka", "a:1"}, []string{"no platform is running here", "(--order)"}},
		"a folder without one":   {[]string{"--data", "nowhere", "--kafka", "a:1", "--order", "http://a:1"}, []string{"nowhere", "no platform is running here"}},
		"malformed, all at once": {[]string{"--kafka", "a", "--order", "a:1"}, []string{`--kafka: "a" is not host:port`, `--order: "a:1" is not an http or https URL`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := resolve(t, []address{kafkaAddress, orderAddress}, test.args...)
			if run.ExitCode(err) != run.ExitUsage {
				t.Fatalf("exit code %d of %v", run.ExitCode(err), err)
			}
			contains(t, err.Error(), test.says...)
		})
	}
}

func TestCommandLine_MistakesAreUsageErrors(t *testing.T) {
	for _, args := range [][]string{
		{"nonsense"}, {"order"}, {"order", "a", "b"}, {"tail"}, {"topics", "nonsense"}, {"order", "a", "--nonsense"},
		{"order", "a", "--data", shared.data, "--output", "xml"},
		{"tail", "orders", "--from", "middle"}, {"tail", "orders", "--from", "-3"}, {"tail", "orders", "--last", "-1"},
		{"topics", "apply", "--replication-factor", "0"}, {"parked", "revive"}, {"status", "now"},
	} {
		if _, errs, code := murmur(t, args...); code != run.ExitUsage || errs == "" {
			t.Errorf("%q: exit code %d, %q", args, code, errs)
		}
	}
}

func TestEveryCommand_ExplainsItself(t *testing.T) {
	for _, args := range [][]string{
		{"order"}, {"tail"}, {"topics"}, {"topics", "apply"}, {"topics", "verify"}, {"parked"}, {"parked", "revive"}, {"status"},
	} {
		out := succeed(t, append(args, "--help")...)
		contains(t, out, "Examples:", "  murmur "+args[0], "--data", "--kafka")
	}
	out, _, code := murmur(t, "__complete", "tail", "orders", "")
	if code != run.ExitOK || strings.HasPrefix(out, "orders\n") {
		t.Errorf("exit code %d: completes to\n%s", code, out)
	}
	contains(t, out, "payments\n", "stock\n")
}
