package brokerlog

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// partition is what a scan found in the log of one partition.
type partition struct {
	dir        string
	base       string // file of the last segment that holds anything, without extension
	end        int64  // of the sound part of that segment
	batches    int64  // in that segment
	nextOffset int64
	epoch      uint32             // leader epoch of the last index entry
	open       map[int64]producer // transactions without a marker, by producer id
}

// decisions are the outcomes that markers tell.
type decisions map[producer]bool

// scan reads the log of one partition, completes its index where a kill came
// between a batch and its entry, and cuts off a batch that was written in part.
func scan(dir string, decided decisions) (*partition, error) {
	segments, err := segmentsOf(dir)
	if err != nil {
		return nil, err
	}
	p := &partition{dir: dir, open: make(map[int64]producer)}
	for _, first := range segments {
		if err := p.segment(strconv.FormatInt(first, 10), decided); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func segmentsOf(dir string) ([]int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var firsts []int64
	for _, e := range entries {
		name, isLog := strings.CutSuffix(e.Name(), ".dat")
		if first, err := strconv.ParseInt(name, 10, 64); isLog && err == nil {
			firsts = append(firsts, first)
		}
	}
	slices.Sort(firsts)
	return firsts, nil
}

func (p *partition) segment(base string, decided decisions) error {
	raw, err := os.ReadFile(filepath.Join(p.dir, base+".dat"))
	if err != nil {
		return err
	}
	index, err := os.ReadFile(filepath.Join(p.dir, base+".idx"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	index = index[:len(index)/indexEntrySize*indexEntrySize]
	known := len(index)
	var pos, n int64
	for {
		b, commit, ok := parse(raw, pos)
		if !ok {
			break
		}
		switch {
		case b.control():
			decided[b.producer] = commit
			delete(p.open, b.producer.id)
		case b.transactional():
			p.open[b.producer.id] = b.producer
		}
		pos, p.nextOffset = b.end, b.nextOffset
		n++
		if at := n * indexEntrySize; at <= int64(len(index)) {
			p.epoch = binary.LittleEndian.Uint32(index[at-indexEntrySize+indexEpochAt:])
		} else {
			index = append(index, indexEntry(p.epoch, b.transactional())...)
		}
	}
	if n > 0 {
		p.base, p.end, p.batches = base, pos, n
	}
	if pos < int64(len(raw)) {
		if err := os.Truncate(filepath.Join(p.dir, base+".dat"), pos); err != nil {
			return err
		}
	}
	return p.fixIndex(base, index, known, n)
}

// fixIndex makes the index of a segment agree with its n batches.
func (p *partition) fixIndex(base string, index []byte, known int, n int64) error {
	size := n * indexEntrySize
	file := filepath.Join(p.dir, base+".idx")
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) && n == 0 {
		return nil
	}
	if err == nil && info.Size() == size {
		return nil
	}
	if err == nil && info.Size() > min(size, int64(known)) {
		if err := os.Truncate(file, min(size, int64(known))); err != nil {
			return err
		}
	}
	return appendTo(file, index[min(size, int64(known)):size])
}

// finish appends the markers of the open transactions.
func (p *partition) finish(decided decisions, now time.Time) (int, error) {
	for _, of := range p.open {
		// The batch before its index entry, as the broker does: a scan knows how to
		// complete that.
		if err := appendTo(filepath.Join(p.dir, p.base+".dat"), marker(of, decided[of], p.nextOffset, now)); err != nil {
			return 0, err
		}
		if err := appendTo(filepath.Join(p.dir, p.base+".idx"), indexEntry(p.epoch, false)); err != nil {
			return 0, err
		}
		p.nextOffset++
	}
	return len(p.open), nil
}

func appendTo(file string, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// clean reports whether the broker closed this log in order and nobody has written
// since: then nothing is open.
func clean(dir string) (bool, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "snapshot.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var closed struct {
		Segments []struct {
			First int64 `json:"base_offset"`
			Size  int64 `json:"size"`
		} `json:"segments"`
	}
	if json.Unmarshal(raw, &closed) != nil {
		return false, nil // the broker reads the whole log then, and so do we
	}
	segments, err := segmentsOf(dir)
	if err != nil || len(segments) != len(closed.Segments) {
		return false, err
	}
	for i, s := range closed.Segments {
		info, err := os.Stat(filepath.Join(dir, fmt.Sprintf("%d.dat", s.First)))
		if err != nil || segments[i] != s.First || info.Size() != s.Size {
			return false, nil //nolint:nilerr // a segment that is not there is one that differs
		}
	}
	return true, nil
}
