package brokerlog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Finish ends every transaction that is open in the data folder of a broker that
// does not run, and returns how many markers it wrote. A folder without logs is
// fine.
//
// A transaction with a commit marker anywhere is committed everywhere: the broker
// had decided, and was killed while it wrote the markers. All others are aborted:
// nobody was told that they were committed.
func Finish(data string) (markers int, err error) {
	logs := filepath.Join(data, "partitions")
	dirs, err := os.ReadDir(logs)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	decided := make(decisions)
	var partitions []*partition
	for _, d := range dirs {
		dir := filepath.Join(logs, d.Name())
		unchanged, err := clean(dir)
		if err != nil {
			return 0, fmt.Errorf("read log of %s: %w", d.Name(), err)
		}
		if unchanged {
			continue
		}
		p, err := scan(dir, decided)
		if err != nil {
			return 0, fmt.Errorf("read log of %s: %w", d.Name(), err)
		}
		partitions = append(partitions, p)
	}
	for _, p := range partitions {
		n, err := p.finish(decided, time.Now())
		markers += n
		if err != nil {
			return markers, fmt.Errorf("finish transactions of %s: %w", filepath.Base(p.dir), err)
		}
	}
	return markers, nil
}
