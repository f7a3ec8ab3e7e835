package stack

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
)

// InProcess is a platform inside the test's process. It cannot be killed, but the
// race detector and goleak see all of it.
type InProcess struct {
	cfg embedded.Config
	log Log

	mu        sync.Mutex
	run       *inProcessRun // nil while stopped
	addresses embedded.Addresses
}

type inProcessRun struct {
	stop  context.CancelFunc
	ended chan struct{}
	err   error // once ended is closed
}

var _ Stack = (*InProcess)(nil)

// NewInProcess starts a platform on free ports. The logger and the ports of cfg
// are the stack's own.
func NewInProcess(ctx context.Context, cfg embedded.Config) (*InProcess, error) {
	s := &InProcess{cfg: cfg}
	encoder := zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig())
	s.cfg.Logger = zap.New(zapcore.NewCore(encoder, zapcore.AddSync(&s.log), zapcore.InfoLevel))
	s.cfg.Ports = embedded.Ports{}
	if err := s.Start(ctx, Everything); err != nil {
		return nil, err
	}
	return s, nil
}

// Addresses implements Stack.
func (s *InProcess) Addresses() embedded.Addresses {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addresses
}

// Parts implements Stack.
func (s *InProcess) Parts() []Part { return []Part{Everything} }

// Log is what all runs have written, for people.
func (s *InProcess) Log() string { return s.log.String() }

// Start implements Stack.
func (s *InProcess) Start(ctx context.Context, part Part) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case part != Everything:
		return fmt.Errorf("start %s: %w", part, ErrNoSuchPart)
	case s.run != nil:
		return fmt.Errorf("start %s: %w", part, ErrState)
	}
	platform, err := embedded.Open(s.cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("not ready within %s", readyTimeout))
	defer cancel()
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	run := &inProcessRun{stop: stop, ended: make(chan struct{})}
	answers := make(chan struct{})
	go func() {
		defer close(run.ended)
		run.err = platform.Run(running, func() { close(answers) })
	}()
	select {
	case <-answers:
		err = awaitReady(ctx, platform.Addresses)
	case <-run.ended:
		err = errors.New("the platform ended while it started")
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		stop()
		<-run.ended
		return errors.Join(err, run.err)
	}
	s.run, s.addresses = run, platform.Addresses
	return nil
}

// Stop implements Stack.
func (s *InProcess) Stop(ctx context.Context, part Part) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case part != Everything:
		return fmt.Errorf("stop %s: %w", part, ErrNoSuchPart)
	case s.run == nil:
		return fmt.Errorf("stop %s: %w", part, ErrState)
	}
	s.run.stop()
	over := time.NewTimer(stopTimeout)
	defer over.Stop()
	select {
	case <-s.run.ended:
		err := s.run.err
		s.run = nil
		return err
	case <-ctx.Done():
		return fmt.Errorf("stop %s: %w", part, ctx.Err())
	case <-over.C:
		return fmt.Errorf("stop %s: not within %s", part, stopTimeout)
	}
}

// Close implements Stack.
func (s *InProcess) Close() error {
	err := s.Stop(context.Background(), Everything)
	if errors.Is(err, ErrState) {
		return nil
	}
	return err
}
