package clock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// stopWithin bounds how long a process takes to stop after SIGSTOP: at once,
	// unless it waits for a disk.
	stopWithin = 5 * time.Second
	// tries is how often a process is stopped until none of its threads happens to
	// be asking for the time.
	tries    = 20
	lookAt   = time.Millisecond
	procRoot = "/proc"
)

// each calls f with a process and its descendants. One that has ended is none.
func each(pid int, f func(int) error) error {
	parents, err := processes()
	if err != nil {
		return err
	}
	family := []int{pid}
	for i := 0; i < len(family); i++ {
		for child, parent := range parents {
			if parent == family[i] {
				family = append(family, child)
			}
		}
	}
	var errs []error
	for _, p := range family {
		if err := f(p); err != nil && !gone(p) {
			errs = append(errs, fmt.Errorf("process %d: %w", p, err))
		}
	}
	return errors.Join(errs...)
}

// processes maps every process to its parent.
func processes() (map[int]int, error) {
	folders, err := os.ReadDir(procRoot)
	if err != nil {
		return nil, err
	}
	out := make(map[int]int)
	for _, folder := range folders {
		pid, err := strconv.Atoi(folder.Name())
		if err != nil {
			continue
		}
		if fields := stat(filepath.Join(procRoot, folder.Name())); len(fields) > 1 {
			if out[pid], err = strconv.Atoi(fields[1]); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// stat are the fields of /proc/…/stat from the state on; none of a process that is
// gone.
func stat(folder string) []string {
	raw, err := os.ReadFile(filepath.Join(folder, "stat"))
	if err != nil {
		return nil
	}
	_, behind, _ := strings.Cut(string(raw[strings.LastIndexByte(string(raw), ')'):]), " ") // names may hold anything
	return strings.Fields(behind)
}

func gone(pid int) bool {
	fields := stat(filepath.Join(procRoot, strconv.Itoa(pid)))
	return len(fields) == 0 || fields[0] == "Z" || fields[0] == "X"
}

// stopped runs f while no thread of a process runs.
func stopped(pid int, f func() (again bool, err error)) error {
	for range tries {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			return fmt.Errorf("stop: %w", err)
		}
		again, err := false, await(pid)
		if err == nil {
			again, err = f()
		}
		if cont := syscall.Kill(pid, syscall.SIGCONT); err != nil || cont != nil {
			return errors.Join(err, cont)
		}
		if !again {
			return nil
		}
		time.Sleep(lookAt) // lets the thread leave the function
	}
	return fmt.Errorf("some thread asked for the time in each of %d moments", tries)
}

func await(pid int) error {
	for deadline := time.Now().Add(stopWithin); ; time.Sleep(lookAt) {
		all, err := threads(pid)
		if err != nil {
			return err
		}
		still := true
		for _, t := range all {
			if fields := stat(t); len(fields) > 0 && fields[0] != "T" && fields[0] != "t" {
				still = false
			}
		}
		if still {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("does not stop within %s", stopWithin)
		}
	}
}

func threads(pid int) ([]string, error) {
	folder := filepath.Join(procRoot, strconv.Itoa(pid), "task")
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(entries))
	for i, e := range entries {
		out[i] = filepath.Join(folder, e.Name())
	}
	return out, nil
}

// inside tells whether a thread of a stopped process is between two addresses.
func inside(pid int, from, to uint64) (bool, error) {
	all, err := threads(pid)
	if err != nil {
		return false, err
	}
	for _, t := range all {
		raw, err := os.ReadFile(filepath.Join(t, "syscall"))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, err
		}
		fields := strings.Fields(string(raw))
		if len(fields) == 0 {
			continue
		}
		counter, err := strconv.ParseUint(strings.TrimPrefix(fields[len(fields)-1], "0x"), 16, 64)
		if err != nil {
			return false, fmt.Errorf("%s/syscall: %q", t, raw)
		}
		if counter >= from && counter < to {
			return true, nil
		}
	}
	return false, nil
}
