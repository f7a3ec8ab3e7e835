package run_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if signalsChild() {
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
