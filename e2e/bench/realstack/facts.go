//go:build e2e

package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/murmuration-dev/murmuration/e2e/stack"
)

// facts says what is measured, as the servers themselves tell it.
func (b *bench) facts(ctx context.Context) (string, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "%d processors (%s), shared by everything, this program included\n", runtime.NumCPU(), model())
	for _, disk := range []struct {
		what, path string
		part       stack.Part
	}{{"databases", "/var/lib/postgresql/data", stack.Database(stack.Order)}, {"brokers", "/var/lib/kafka/data", stack.Broker(1)}} {
		pid, err := b.stack.PID(ctx, disk.part)
		if err != nil {
			return "", err
		}
		where, err := mountOf(pid, disk.path)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&text, "%s on %s\n", disk.what, where)
	}
	settings, err := b.settings(ctx)
	if err != nil {
		return "", err
	}
	topic, err := b.topic(ctx, "orders")
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&text, "%s\n%d brokers; %s\n%d replicas of each service; %s orders (%g lines in the mean, %d SKUs)\n",
		settings, brokers, topic, b.cfg.replicas, shape.Name, shape.MeanLines, shape.SKUs)
	return text.String(), nil
}

// settings are those of the databases that decide what a commit costs.
func (b *bench) settings(ctx context.Context) (string, error) {
	text := "PostgreSQL"
	err := b.ask(ctx, stack.Order, func(conn *pgx.Conn) error {
		for _, name := range []string{"server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method"} {
			var value string
			if err := conn.QueryRow(ctx, `SELECT current_setting($1)`, name).Scan(&value); err != nil {
				return err
			}
			text += fmt.Sprintf(" %s=%s", name, value)
		}
		return nil
	})
	return text, err
}

// topic says how a topic is replicated.
func (b *bench) topic(ctx context.Context, name string) (string, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(b.shop.at.Kafka, ",")...), kgo.Dialer(b.stack.Dial))
	if err != nil {
		return "", err
	}
	defer client.Close()
	ask := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(name)
	ask.Topics = append(ask.Topics, t)
	known, err := ask.RequestWith(ctx, client)
	if err != nil {
		return "", err
	}
	if len(known.Topics) != 1 || len(known.Topics[0].Partitions) == 0 {
		return "", fmt.Errorf("topic %s is not there", name)
	}
	partitions := known.Topics[0].Partitions
	inSync, err := topicSetting(ctx, client, name, "min.insync.replicas")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("topic %s: %d partitions, replication %d, min.insync.replicas %s", name, len(partitions), len(partitions[0].Replicas), inSync), nil
}

func topicSetting(ctx context.Context, client *kgo.Client, topic, setting string) (string, error) {
	const ofTopic = 2
	ask := kmsg.NewPtrDescribeConfigsRequest()
	r := kmsg.NewDescribeConfigsRequestResource()
	r.ResourceType, r.ResourceName, r.ConfigNames = ofTopic, topic, []string{setting}
	ask.Resources = append(ask.Resources, r)
	answer, err := ask.RequestWith(ctx, client)
	if err != nil {
		return "", err
	}
	for _, r := range answer.Resources {
		for _, c := range r.Configs {
			if c.Name == setting && c.Value != nil {
				return *c.Value, nil
			}
		}
	}
	return "", fmt.Errorf("topic %s has no %s", topic, setting)
}

// model of the processors; empty where the system does not tell.
func model() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(info)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// mountOf is the file system that a process has at a path, and its device; that of
// the topmost layer for a container's own files.
func mountOf(pid int, path string) (string, error) {
	m, err := longest(fmt.Sprintf("/proc/%d/mountinfo", pid), path)
	if err != nil {
		return "", err
	}
	if m.kind != "overlay" {
		return fmt.Sprintf("%s (%s)", m.kind, m.device), nil
	}
	for option := range strings.SplitSeq(m.options, ",") {
		if upper, is := strings.CutPrefix(option, "upperdir="); is {
			below, err := longest("/proc/self/mountinfo", upper)
			return fmt.Sprintf("overlay above %s (%s)", below.kind, below.device), err
		}
	}
	return m.kind, nil
}

type mounted struct{ at, kind, device, options string }

// longest is the mount that a path is on.
func longest(table, path string) (best mounted, err error) {
	lines, err := os.ReadFile(table)
	if err != nil {
		return best, err
	}
	for line := range strings.Lines(string(lines)) {
		left, right, _ := strings.Cut(line, " - ")
		place, source := strings.Fields(left), strings.Fields(right)
		const pointField = 4 // see proc(5)
		if len(place) <= pointField || len(source) < 3 {
			continue
		}
		at := place[pointField]
		within := path == at || strings.HasPrefix(path, strings.TrimSuffix(at, "/")+"/")
		if within && len(at) >= len(best.at) {
			best = mounted{at: at, kind: source[0], device: source[1], options: source[2]}
		}
	}
	if best.at == "" {
		err = fmt.Errorf("%s: nothing is mounted at %s", table, path)
	}
	return best, err
}
