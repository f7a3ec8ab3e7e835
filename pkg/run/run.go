package run

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// Task is a named piece of work that runs until its context is cancelled.
type Task struct {
	// Name appears in front of the task's error.
	Name string
	// Run blocks until the work is done or ctx is cancelled and everything
	// that was begun has been finished. Nil means done or stopped as asked;
	// context.Canceled after a stop was asked for counts as nil.
	Run func(ctx context.Context) error
}

// OnStop is a task that waits to be stopped and then calls stop: the place of
// a resource, such as a store, in the order of [Stages].
func OnStop(name string, stop func() error) Task {
	return Task{Name: name, Run: func(ctx context.Context) error {
		<-ctx.Done()
		return stop()
	}}
}

// PanicError is what became of a task that panicked.
type PanicError struct {
	// Value is what was passed to panic.
	Value any
	// Stack is the stack of the goroutine at the panic.
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.Value, e.Stack) }

// Unwrap gives the error that was passed to panic, if it was one.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// All runs the tasks at once and returns when all have returned. The first
// error cancels the context of the others; a task that returns nil leaves the
// others running. The errors are joined in the order in which they occurred,
// each as "name: error". It returns nil when ctx was cancelled and every task
// stopped cleanly.
func All(ctx context.Context, tasks ...Task) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed failures
	start(ctx, tasks, &failed, cancel).Wait()
	return failed.join()
}

// start runs every task in a goroutine of its own. onError is called after
// each failure was recorded.
func start(ctx context.Context, tasks []Task, failed *failures, onError func()) *sync.WaitGroup {
	var running sync.WaitGroup
	for _, task := range tasks {
		running.Go(func() {
			err := guard(ctx, task.Run)
			if err == nil || errors.Is(err, context.Canceled) && ctx.Err() != nil {
				return
			}
			failed.add(fmt.Errorf("%s: %w", task.Name, err))
			onError()
		})
	}
	return &running
}

func guard(ctx context.Context, run func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return run(ctx)
}

// failures collects the errors of concurrent tasks.
type failures struct {
	mu   sync.Mutex
	errs []error
}

func (f *failures) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errs = append(f.errs, err)
}

func (f *failures) join() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.errs...)
}
