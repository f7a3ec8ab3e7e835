package kafka

import (
	"errors"
	"maps"
	"sync"
)

// ProducerStats counts since NewProducer.
type ProducerStats struct {
	Protocol     Protocol // in use; ProtocolAuto before the first Init
	Inits        int64
	Transactions int64 // committed
	Aborted      int64 // by Abort
	Unknown      int64 // ended with ErrUnknownOutcome
	Records      int64 // acknowledged, whatever became of their transaction
	// Retries by API and reason: "Produce/CONCURRENT_TRANSACTIONS (51)", or
	// "EndTxn/connection" when there was no answer.
	Retries map[string]int64
}

type statistics struct {
	mu sync.Mutex
	s  ProducerStats
}

func (s *statistics) snapshot() ProducerStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.s
	out.Retries = maps.Clone(s.s.Retries)
	return out
}

func (s *statistics) update(f func(*ProducerStats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.s)
}

func (s *statistics) initialised(p Protocol) {
	s.update(func(s *ProducerStats) { s.Inits++; s.Protocol = p })
}

func (s *statistics) retried(api string, err error) {
	reason := "connection"
	var code Error
	if errors.As(err, &code) {
		reason = code.Error()
	}
	s.update(func(s *ProducerStats) {
		if s.Retries == nil {
			s.Retries = map[string]int64{}
		}
		s.Retries[api+"/"+reason]++
	})
}
