//go:build e2e

package stack

import (
	"context"
	"slices"
)

// Kill implements Killer. Everything is all containers at once.
func (s *Containers) Kill(ctx context.Context, part Part) error {
	return s.each(part, isRunning, func(b *box) error { return b.kill(ctx) })
}

// Stop implements Stack. Everything is what runs, services first.
func (s *Containers) Stop(ctx context.Context, part Part) error {
	if part != Everything {
		return s.each(part, nil, func(b *box) error { return b.stop(ctx) })
	}
	for _, layer := range s.layers() {
		if err := eachOf(layer, isRunning, func(b *box) error { return b.stop(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

// Start implements Stack. Everything is what was stopped or killed, services last.
func (s *Containers) Start(ctx context.Context, part Part) error {
	launch := func(b *box) error { return b.launch(ctx) }
	if part != Everything {
		if err := s.each(part, nil, launch); err != nil {
			return err
		}
		return s.Await(ctx, part)
	}
	for _, layer := range slices.Backward(s.layers()) {
		if err := eachOf(layer, isDown, func(b *box) error {
			if err := launch(b); err != nil {
				return err
			}
			return b.await(ctx)
		}); err != nil {
			return err
		}
	}
	return nil
}

// Launch starts a part without waiting until it is ready; see Await.
func (s *Containers) Launch(ctx context.Context, part Part) error {
	return s.each(part, isDown, func(b *box) error { return b.launch(ctx) })
}

// Await waits until a part that runs is ready.
func (s *Containers) Await(ctx context.Context, part Part) error {
	return s.each(part, isRunning, func(b *box) error { return b.await(ctx) })
}

// Pause freezes a part in the middle of what it does, as SIGSTOP does.
func (s *Containers) Pause(ctx context.Context, part Part) error {
	return s.each(part, isRunning, func(b *box) error { return b.pause(ctx) })
}

// Resume lets a paused part go on, as if no time had passed for it.
func (s *Containers) Resume(ctx context.Context, part Part) error {
	return s.each(part, isPaused, func(b *box) error { return b.resume(ctx) })
}

// Disconnect takes a part off the network, for other parts and for this machine.
// Its connections stay open and silent.
func (s *Containers) Disconnect(ctx context.Context, part Part) error {
	return s.each(part, isRunning, func(b *box) error { return b.disconnect(ctx) })
}

// Connect undoes Disconnect.
func (s *Containers) Connect(ctx context.Context, part Part) error {
	return s.each(part, isCutOff, func(b *box) error { return b.connect(ctx) })
}

// Exec runs a command inside the container of a part. The platform's own images
// have nothing to run.
func (s *Containers) Exec(ctx context.Context, part Part, command ...string) (Output, error) {
	b, err := s.box(part)
	if err != nil {
		return Output{Code: -1}, err
	}
	return b.exec(ctx, command)
}

func (b *box) is(fits func(boxState) bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fits(b.state)
}

func isRunning(s boxState) bool { return s == boxState{} }
func isUp(s boxState) bool      { return !s.down }
func isDown(s boxState) bool    { return s.down }
func isPaused(s boxState) bool  { return s.paused }
func isCutOff(s boxState) bool  { return s.cutOff }

// each does something to one part, or to all that fit.
func (s *Containers) each(part Part, fits func(boxState) bool, do func(*box) error) error {
	if part != Everything {
		b, err := s.box(part)
		if err != nil {
			return err
		}
		return do(b)
	}
	return eachOf(slices.Concat(s.layers()...), fits, do)
}

func eachOf(boxes []*box, fits func(boxState) bool, do func(*box) error) error {
	var all []func() error
	for _, b := range boxes {
		if b.is(fits) {
			all = append(all, func() error { return do(b) })
		}
	}
	return atOnce(all...)
}

// layers are the containers, those that need others first.
func (s *Containers) layers() [][]*box {
	s.mu.Lock()
	defer s.mu.Unlock()
	layers := make([][]*box, 3)
	for part, b := range s.boxes {
		switch {
		case s.isReplica(part):
			layers[0] = append(layers[0], b)
		case part == Registry || part == Gateway:
			layers[1] = append(layers[1], b)
		default:
			layers[2] = append(layers[2], b)
		}
	}
	return layers
}

func (s *Containers) isReplica(part Part) bool {
	for _, all := range s.services {
		if slices.ContainsFunc(all, func(r *replica) bool { return r.part == part }) {
			return true
		}
	}
	return false
}
