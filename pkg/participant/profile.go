package participant

import (
	"net/http/pprof"

	"github.com/murmuration-dev/murmuration/pkg/httpserver"
)

// profiles serves what the Go runtime knows of where time and memory go, below
// /debug/pprof/, in the form that `go tool pprof` reads. It costs nothing until
// somebody asks, and like all operations it is for the internal network: function
// names and sizes of queues are in it. The arguments of the program, which
// net/http/pprof would show too, are nobody's business.
func profiles(ops *httpserver.Server) {
	ops.Handle("GET /debug/pprof/", pprof.Index)
	ops.Handle("GET /debug/pprof/profile", pprof.Profile)
	ops.Handle("GET /debug/pprof/trace", pprof.Trace)
}
