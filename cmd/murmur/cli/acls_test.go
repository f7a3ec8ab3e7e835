package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/murmuration-dev/murmuration/cmd/murmur/acls"
	"github.com/murmuration-dev/murmuration/pkg/run"
)

func TestACLs_PrintsCommandsAndJSON(t *testing.T) {
	var text, data bytes.Buffer
	if err := Execute(t.Context(), []string{"acls", "--kafka", "broker-1:9092", "--principal", "order=User:CN=order,O=Shop"}, &text, &text); err != nil {
		t.Fatal(err)
	}
	if want := "kafka-acls.sh --bootstrap-server broker-1:9092 --add --allow-principal User:CN=order,O=Shop --operation Read --group order\n"; !strings.Contains(text.String(), want) {
		t.Errorf("no %q in\n%s", want, text.String())
	}
	if err := Execute(t.Context(), []string{"acls", "--output", "json"}, &data, &data); err != nil {
		t.Fatal(err)
	}
	var grants []acls.Grant
	if err := json.Unmarshal(data.Bytes(), &grants); err != nil {
		t.Fatal(err)
	}
	if len(grants) != len(acls.Grants(nil)) || grants[0].Principal != "User:order" {
		t.Errorf("%d grants, the first %+v", len(grants), grants[0])
	}
}

func TestACLs_RefusesAPrincipalThatNobodyHas(t *testing.T) {
	for _, wrong := range []string{"order", "order=", "order=order", "order=User:", "shipping=User:shipping"} {
		var out bytes.Buffer
		if err := Execute(t.Context(), []string{"acls", "--principal", wrong}, &out, &out); run.ExitCode(err) != run.ExitUsage {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
