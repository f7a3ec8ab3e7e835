package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/murmuration-dev/murmuration/pkg/avro"
)

const (
	fileName = "registry.json"
	format   = 1
)

// save replaces the file at once: whoever reads it after a crash finds either
// the old or the new content, whole.
func save(file string, s *state) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	// One name, so that crashes do not leave a growing heap of files.
	draft := file + ".tmp"
	if err := writeSynced(draft, append(data, '\n')); err != nil {
		return err
	}
	if err := os.Rename(draft, file); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(file))
}

func writeSynced(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncFolder makes the rename itself durable.
func syncFolder(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func load(file string) (*state, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return newState(), nil
	}
	if err != nil {
		return nil, err
	}
	s := newState()
	if err := json.Unmarshal(data, s); err != nil {
		return nil, damaged(file, err)
	}
	if err := s.check(); err != nil {
		return nil, damaged(file, err)
	}
	return s, nil
}

func damaged(file string, err error) error {
	return fmt.Errorf("%s is damaged: %w; restore it together with the topics, or remove both", file, err)
}

// check refuses what save cannot have written, and fills what it leaves out.
func (s *state) check() error {
	if s.Format != format {
		return fmt.Errorf("format %d, want %d", s.Format, format)
	}
	if !avro.ValidLevel(s.Level) {
		return errors.New("no compatibility level")
	}
	if s.Subjects == nil {
		return errors.New("no subjects")
	}
	for i, text := range s.Schemas {
		key, err := identity(text)
		if err != nil {
			return fmt.Errorf("schema %d: %w", i+1, err)
		}
		if _, ok := s.ids[key]; ok {
			return fmt.Errorf("schema %d: is there twice", i+1)
		}
		s.ids[key] = i + 1
	}
	for name, sub := range s.Subjects {
		if sub.Level != "" && !avro.ValidLevel(sub.Level) {
			return fmt.Errorf("subject %s: %s is not a level", name, sub.Level)
		}
		for _, id := range sub.Versions {
			if _, ok := s.text(id); !ok {
				return fmt.Errorf("subject %s: no schema %d", name, id)
			}
		}
	}
	return nil
}
