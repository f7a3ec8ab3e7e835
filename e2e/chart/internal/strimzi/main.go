// Command strimzi writes what the chart declares for Strimzi from what the services
// declare: each topic with its settings, each user with the least privilege that
// works. Its argument is the folder to write to.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v4"

	"github.com/murmuration-dev/murmuration/cmd/murmur/acls"
	"github.com/murmuration-dev/murmuration/schemas"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "strimzi: expected the folder to write to")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "strimzi:", err)
		os.Exit(1)
	}
}

// topic is what a KafkaTopic says of one.
type topic struct {
	Name       string            `yaml:"name"`
	Partitions int32             `yaml:"partitions"`
	Config     map[string]string `yaml:"config"`
}

// rule is one of the acls of a KafkaUser.
type rule struct {
	Resource   resource `yaml:"resource"`
	Operations []string `yaml:"operations"`
}

type resource struct {
	Type        string `yaml:"type"`
	Name        string `yaml:"name"`
	PatternType string `yaml:"patternType"`
}

// types are Strimzi's names of resources.
var types = map[acls.Resource]string{acls.Topic: "topic", acls.Group: "group", acls.TransactionalID: "transactionalId"}

func write(folder string) error {
	var topics []topic
	for _, t := range schemas.Topics() {
		topics = append(topics, topic{t.Name, t.Partitions, t.Configs})
	}
	users := map[string][]rule{}
	for _, g := range acls.Grants(nil) {
		for _, name := range g.Names {
			users[g.User] = append(users[g.User], rule{resource{types[g.Resource], name, "literal"}, g.Operations})
		}
	}
	if err := writeYAML(filepath.Join(folder, "topics.yaml"), topics); err != nil {
		return err
	}
	return writeYAML(filepath.Join(folder, "users.yaml"), users)
}

func writeYAML(file string, content any) error {
	var page bytes.Buffer
	page.WriteString("# written by make generate from what the services declare; do not edit\n")
	encoder := yaml.NewEncoder(&page)
	encoder.SetIndent(2)
	if err := encoder.Encode(content); err != nil {
		return err
	}
	if err := encoder.Close(); err != nil {
		return err
	}
	return os.WriteFile(file, page.Bytes(), 0o644)
}
