package model

import (
	"runtime/debug"
	"testing"

	"go.uber.org/goleak"
)

// memory is what the largest run is given: its graph takes half of it.
const memory = 3 << 30

func TestMain(m *testing.M) {
	debug.SetMemoryLimit(memory)
	goleak.VerifyTestMain(m)
}
