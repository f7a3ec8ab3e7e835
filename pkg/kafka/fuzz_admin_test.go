package kafka

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// FuzzDecodeConfigs: whatever a broker answers about topics' settings, decoding
// ends, allocates in proportion, and fails with a kind that is known.
func FuzzDecodeConfigs(f *testing.F) {
	answer := kmsg.NewPtrDescribeConfigsResponse()
	answer.SetVersion(4)
	value, message := "compact", "no such topic"
	setting := kmsg.NewDescribeConfigsResponseResourceConfig()
	setting.Name, setting.Value = "cleanup.policy", &value
	synonym := kmsg.NewDescribeConfigsResponseResourceConfigConfigSynonym()
	synonym.Name, synonym.Value = "log.cleanup.policy", &value
	setting.ConfigSynonyms = append(setting.ConfigSynonyms, synonym)
	known := kmsg.NewDescribeConfigsResponseResource()
	known.ResourceName, known.Configs = "orders", append(known.Configs, setting)
	unknown := kmsg.NewDescribeConfigsResponseResource()
	unknown.ErrorCode, unknown.ErrorMessage, unknown.ResourceName = 3, &message, "stock"
	answer.Resources = append(answer.Resources, known)
	f.Add(answer.AppendTo(nil))
	answer.Resources = append(answer.Resources, unknown)
	f.Add(answer.AppendTo(nil))
	f.Add(answer.AppendTo(nil)[:20])
	f.Fuzz(func(t *testing.T, b []byte) {
		out := map[string]map[string]string{}
		err := decodeConfigs(&decoder{b: b}, out)
		if err != nil && !errors.Is(err, errMalformed) && !errors.As(err, new(Error)) {
			t.Fatalf("an error of another kind: %v", err)
		}
		n := len(out)
		for _, settings := range out {
			n += len(settings)
		}
		if n > len(b) {
			t.Fatalf("%d bytes became %d settings", len(b), n)
		}
	})
}
