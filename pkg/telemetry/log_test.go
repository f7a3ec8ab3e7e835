package telemetry

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"go.uber.org/zap"
)

func TestNewLogger_WritesOneJSONObjectALine(t *testing.T) {
	var out bytes.Buffer
	log, err := NewLogger(LogConfig{Service: "order", Output: &out})
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("too fine")
	log.Info("relay took over", zap.Int("lane", 1))

	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v in %q", err, out.String())
	}
	for key, want := range map[string]any{"level": "info", "msg": "relay took over", "service": "order", "lane": 1.0} {
		if line[key] != want {
			t.Errorf("%s is %v, want %v", key, line[key], want)
		}
	}
	if _, has := line["time"]; !has {
		t.Errorf("no time in %q", out.String())
	}
}

func TestNewLogger_ConsoleIsForPeople(t *testing.T) {
	var out bytes.Buffer
	log, err := NewLogger(LogConfig{Level: "warn", Format: FormatConsole, Output: &out})
	if err != nil {
		t.Fatal(err)
	}
	log.Info("not shown")
	log.Warn("broker is away")
	if got := out.String(); !strings.Contains(got, "WARN  broker is away\n") || strings.Contains(got, "not shown") {
		t.Errorf("got %q", got)
	}
}

func TestNewLogger_RefusesUnknownSettings(t *testing.T) {
	for _, cfg := range []LogConfig{{Level: "loud"}, {Level: "fatal"}, {Format: "xml"}} {
		if _, err := NewLogger(cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
}
