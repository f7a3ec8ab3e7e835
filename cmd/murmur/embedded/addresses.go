package embedded

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Addresses say where a platform is, embedded or not.
type Addresses struct {
	Kafka     string  `json:"kafka"`    // host:port of some brokers, separated by commas
	Registry  string  `json:"registry"` // base URL
	Gateway   string  `json:"gateway"`  // base URL of the simulator; empty if there is none
	Order     Service `json:"order"`
	Payment   Service `json:"payment"`
	Inventory Service `json:"inventory"`
}

// Service is where one service is.
type Service struct {
	API string `json:"api"` // base URL of the public API
	Ops string `json:"ops"` // base URL of health, metrics and inspection
	// Replicas are where each instance is, where that is known; API and Ops then are
	// those of any.
	Replicas []Replica `json:"replicas,omitempty"`
}

// Replica is where one instance of a service is.
type Replica struct {
	API string `json:"api"`
	Ops string `json:"ops"`
}

// addressFile is where a running platform leaves its addresses for other
// commands.
const addressFile = "platform.json"

// ErrNotRunning says that no platform has left its addresses in a folder.
var ErrNotRunning = errors.New("no platform is running here")

// ReadAddresses returns the addresses of the platform that runs, or ran last, on
// a data folder.
func ReadAddresses(data string) (Addresses, error) {
	var a Addresses
	file := filepath.Join(data, addressFile)
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return a, fmt.Errorf("%s: %w: start one with `murmur up --data %s`, or give the addresses", file, ErrNotRunning, data)
	}
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return a, fmt.Errorf("%s: %w", file, err)
	}
	return a, nil
}

func writeAddresses(data string, a Addresses) error {
	raw, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	file := filepath.Join(data, addressFile)
	if err := os.WriteFile(file+".new", append(raw, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
