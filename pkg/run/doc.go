// Package run owns the life of a program: it starts its long-running tasks,
// stops them in a stated order, waits for every one, and turns the outcome
// into an exit code.
//
// Guarantee: when [All] or [Stages] returns, no task that it started is still
// running. A task that panics ends as an error that carries the stack, so the
// others are stopped in order instead of being killed with the process.
//
// What it does not do: it never abandons a task that ignores its context. Each
// task bounds its own stop (a drain time-out, for example); the last resort is
// the second signal of [Signals], which ends the process at once.
//
//	ctx, stop := run.Signals(context.Background())
//	defer stop()
//	err := run.Stages(ctx,
//		run.Stage{{Name: "http", Run: server.Run}},
//		run.Stage{{Name: "inbox", Run: consumer.Run}},
//		run.Stage{{Name: "relay", Run: relay.Run}},
//		run.Stage{run.OnStop("store", store.Close)},
//	)
//	os.Exit(run.ExitCode(err))
package run
