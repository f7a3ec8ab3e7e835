package clock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// patch makes a process's wall clock wrong by an offset in seconds.
func patch(pid int, offset int64) error {
	return rewrite(pid, func(s site, _ []byte) []byte { return s.code(offset) })
}

// unpatch puts back the functions as this process itself has them.
func unpatch(pid int) error {
	own, err := read(os.Getpid())
	if err != nil {
		return err
	}
	return rewrite(pid, func(s site, image []byte) []byte {
		if len(own.image) != len(image) {
			return nil // a process of another kind, which was not patched either
		}
		return own.image[s.at : s.at+s.size]
	})
}

// mapping is the vDSO of a process.
type mapping struct {
	start uint64
	image []byte
}

func read(pid int) (m mapping, err error) {
	raw, err := os.ReadFile(filepath.Join(procRoot, strconv.Itoa(pid), "maps"))
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(raw)) {
		if !strings.HasSuffix(strings.TrimSpace(line), "[vdso]") {
			continue
		}
		var end uint64
		if _, err := fmt.Sscanf(line, "%x-%x", &m.start, &end); err != nil {
			return m, fmt.Errorf("mapping %q: %w", line, err)
		}
		m.image = make([]byte, end-m.start)
		return m, access(pid, os.O_RDONLY, func(f *os.File) error {
			_, err := f.ReadAt(m.image, int64(m.start))
			return err
		})
	}
	return m, errors.New("has no vDSO")
}

func access(pid, mode int, f func(*os.File) error) error {
	file, err := os.OpenFile(filepath.Join(procRoot, strconv.Itoa(pid), "mem"), mode, 0)
	if err != nil {
		return err
	}
	return errors.Join(f(file), file.Close())
}

// rewrite replaces the functions by what code says, nil for nothing.
func rewrite(pid int, code func(s site, image []byte) []byte) error {
	if len(stat(filepath.Join(procRoot, strconv.Itoa(pid)))) == 0 {
		return os.ErrProcessDone
	}
	return stopped(pid, func() (again bool, err error) {
		m, err := read(pid)
		if err != nil {
			return false, err
		}
		found, err := sites(m.image)
		if err != nil {
			return false, err
		}
		for _, s := range found {
			if busy, err := inside(pid, m.start+s.at, m.start+s.at+s.size); busy || err != nil {
				return busy, err
			}
		}
		return false, access(pid, os.O_RDWR, func(f *os.File) error {
			for _, s := range found {
				if _, err := f.WriteAt(code(s, m.image), int64(m.start+s.at)); err != nil {
					return err
				}
			}
			return nil
		})
	})
}
