package sim

import (
	"context"
	"errors"
	"sync"
)

// Together runs the parts of a process until ctx ends. When one of them fails, the
// others' contexts end; it returns when all have, with what went wrong.
func Together(ctx context.Context, parts ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(parts))
	var all sync.WaitGroup
	for i, run := range parts {
		all.Go(func() {
			if errs[i] = run(ctx); errs[i] != nil {
				cancel()
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
