package run

import (
	"context"
	"sync"
)

// Stage is a set of tasks that are stopped together.
type Stage []Task

// Stages runs the tasks of all stages at once and stops them stage by stage,
// in the order given: the second stage is told to stop only when every task of
// the first has returned, and so on. List what takes work in from outside
// first, and what the others rest on last: HTTP, consumers, relay, store.
//
// Stopping begins when ctx is cancelled, when any task of any stage fails, or
// when every task of the first stage has returned. The tasks see the values of
// ctx, but neither its cancellation nor its deadline: they are stopped by
// their stage alone.
//
// Stages returns when every task has returned, with their errors joined as in
// [All].
func Stages(ctx context.Context, stages ...Stage) error {
	if len(stages) == 0 {
		return nil
	}
	stopping, stop := context.WithCancel(ctx)
	defer stop()

	var failed failures
	running := make([]*sync.WaitGroup, len(stages))
	cancel := make([]context.CancelFunc, len(stages))
	for i, stage := range stages {
		var stageCtx context.Context
		stageCtx, cancel[i] = context.WithCancel(context.WithoutCancel(ctx))
		running[i] = start(stageCtx, stage, &failed, stop)
	}

	var front sync.WaitGroup
	front.Go(func() { running[0].Wait(); stop() })
	<-stopping.Done()
	for i := range stages {
		cancel[i]()
		running[i].Wait()
	}
	front.Wait()
	return failed.join()
}
