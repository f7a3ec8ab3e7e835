package httpserver

import "time"

// DelayBy lets a test decide when a delay is over. Call it before Run.
func DelayBy(s *Server, after func(time.Duration) <-chan time.Time) { s.after = after }
