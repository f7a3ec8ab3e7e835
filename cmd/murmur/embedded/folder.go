package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// format is the layout of a data folder. It grows when a folder of before cannot
// be used as it is; databases inside have versions and migrations of their own.
const format = 1

// ErrFolderInUse says that another process has the data folder.
var ErrFolderInUse = errors.New("data folder is in use")

// ErrFolderFormat says that a data folder is not one that this program can use.
var ErrFolderFormat = errors.New("data folder cannot be used")

// folder is a locked data folder.
type folder struct {
	path string
	lock *os.File
}

// openFolder creates or opens a data folder and locks it until close, or until
// the process ends in whatever way.
func openFolder(path string) (*folder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("%s: %w by another process: stop it, or choose another folder with --data", path, ErrFolderInUse)
	}
	f := &folder{path: path, lock: lock}
	if err := f.checkFormat(); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (f *folder) checkFormat() error {
	file := f.join("format")
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		others, err := os.ReadDir(f.path)
		if err != nil {
			return err
		}
		for _, o := range others {
			if o.Name() != "lock" {
				return fmt.Errorf("%s: %w: it holds %s, but no platform: choose an empty or a new folder", f.path, ErrFolderFormat, o.Name())
			}
		}
		return os.WriteFile(file, []byte(strconv.Itoa(format)+"\n"), 0o644)
	}
	if err != nil {
		return err
	}
	found, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w: %q is not a format number", file, ErrFolderFormat, strings.TrimSpace(string(raw)))
	case found > format:
		return fmt.Errorf("%s: %w: it has format %d, written by a newer version; this one knows up to %d", f.path, ErrFolderFormat, found, format)
	case found < format:
		return fmt.Errorf("%s: %w: it has format %d, and this version begins with %d: move it aside", f.path, ErrFolderFormat, found, format)
	}
	return nil
}

func (f *folder) join(name string) string { return filepath.Join(f.path, name) }

// close releases the folder; the lock goes with the file.
func (f *folder) close() { _ = f.lock.Close() }
