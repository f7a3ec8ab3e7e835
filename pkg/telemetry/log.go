package telemetry

import (
	"fmt"
	"io"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// The formats of [LogConfig].
const (
	// FormatJSON is one JSON object a line, for services.
	FormatJSON = "json"
	// FormatConsole is aligned text, for people.
	FormatConsole = "console"
)

// consoleTime has no date: who reads a console knows which day it is.
const consoleTime = "15:04:05.000"

// LogConfig says what a logger writes, and where. The zero value is a JSON
// logger at info level on standard error.
type LogConfig struct {
	// Service is added to every line as "service"; empty leaves it out.
	Service string
	// Level is debug, info (the default), warn or error.
	Level string
	// Format is FormatJSON (the default) or FormatConsole.
	Format string
	// Output is where lines go; nil means standard error. Writes are serialized.
	Output io.Writer
}

// NewLogger returns a logger that is safe for concurrent use. It fails for an
// unknown level or format, which are wrong settings.
//
// Lines are not sampled: a loop that can fail for hours logs through a
// [Throttle].
func NewLogger(cfg LogConfig) (*zap.Logger, error) {
	level := zapcore.InfoLevel
	if cfg.Level != "" {
		var err error
		if level, err = zapcore.ParseLevel(cfg.Level); err != nil || level > zapcore.ErrorLevel {
			return nil, fmt.Errorf("log level %q: want debug, info, warn or error", cfg.Level)
		}
	}
	var encoder zapcore.Encoder
	switch cfg.Format {
	case "", FormatJSON:
		encoder = zapcore.NewJSONEncoder(jsonLine())
	case FormatConsole:
		encoder = zapcore.NewConsoleEncoder(consoleLine())
	default:
		return nil, fmt.Errorf("log format %q: want %s or %s", cfg.Format, FormatJSON, FormatConsole)
	}
	output := cfg.Output
	if output == nil {
		output = os.Stderr
	}
	log := zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(output)), level))
	if cfg.Service != "" {
		log = log.With(zap.String("service", cfg.Service))
	}
	return log, nil
}

func jsonLine() zapcore.EncoderConfig {
	return zapcore.EncoderConfig{
		TimeKey: "time", LevelKey: "level", NameKey: "logger", MessageKey: "msg",
		EncodeTime:     zapcore.RFC3339NanoTimeEncoder,
		EncodeLevel:    zapcore.LowercaseLevelEncoder,
		EncodeDuration: zapcore.StringDurationEncoder,
		EncodeName:     zapcore.FullNameEncoder,
	}
}

func consoleLine() zapcore.EncoderConfig {
	line := jsonLine()
	line.EncodeTime = zapcore.TimeEncoderOfLayout(consoleTime)
	line.EncodeLevel = zapcore.CapitalLevelEncoder
	line.ConsoleSeparator = "  "
	return line
}
