package sim_test

import (
	"os"
	"strconv"
	"testing"

	pkgsim "github.com/murmuration-dev/murmuration/pkg/sim"

	"github.com/murmuration-dev/murmuration/e2e/sim"
)

func services(t testing.TB) *sim.Services {
	t.Helper()
	s, err := sim.NewServices()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestShort(t *testing.T) {
	n := 200
	if v, err := strconv.Atoi(os.Getenv("N")); err == nil {
		n = v
	}
	s := services(t)
	t.Log(pkgsim.Explore(t, 1, n, s.Short))
}
