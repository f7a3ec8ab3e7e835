//go:build e2e

package kafkacluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tcexec "github.com/testcontainers/testcontainers-go/exec"
	"github.com/testcontainers/testcontainers-go/network"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/murmuration-dev/murmuration/e2e/authority"
	"github.com/murmuration-dev/murmuration/e2e/stack/hostport"
	"github.com/murmuration-dev/murmuration/pkg/kafka"
)

const (
	// startLimit is far more than the 3 s that a broker takes on an idle machine.
	startLimit = 2 * time.Minute
	// closeLimit bounds the removal of all containers.
	closeLimit = time.Minute
	// answerPoll paces questions to a broker that starts.
	answerPoll = 50 * time.Millisecond
	// answerLimit bounds one such question.
	answerLimit = 2 * time.Second
)

// Cluster is a cluster that runs. Its methods may be called concurrently.
type Cluster struct {
	Authority *authority.Authority // of the secure listeners

	nodes   []*node
	network *testcontainers.DockerNetwork // nil: the caller's
	docker  *testcontainers.DockerClient
}

// node is one broker.
type node struct {
	index                        int
	host, proxied, front, secure string // addresses of this machine
	container                    testcontainers.Container
}

// Start returns when every broker answers. Close the cluster, also after an
// error.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	cfg.Brokers = max(cfg.Brokers, 1)
	c := &Cluster{}
	if err := c.prepare(ctx, &cfg); err != nil {
		return c, err
	}
	errs := make([]error, len(c.nodes))
	var wg sync.WaitGroup
	for i, n := range c.nodes {
		wg.Go(func() { errs[i] = c.run(ctx, cfg, n) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return c, fmt.Errorf("start kafka: %w", err)
	}
	for i := range c.nodes {
		if err := c.Answers(ctx, i); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c *Cluster) prepare(ctx context.Context, cfg *Config) (err error) {
	if c.Authority, err = authority.New(); err != nil {
		return err
	}
	if c.docker, err = testcontainers.NewDockerClientWithOpts(ctx); err != nil {
		return err
	}
	if cfg.Network == "" {
		if c.network, err = network.New(ctx); err != nil {
			return err
		}
		cfg.Network = c.network.Name
	}
	for i := range cfg.Brokers {
		n := &node{index: i}
		for _, address := range []*string{&n.host, &n.proxied, &n.front, &n.secure} {
			if *address, err = hostport.Free(hostport.Loopback); err != nil {
				return err
			}
		}
		c.nodes = append(c.nodes, n)
	}
	return nil
}

func (c *Cluster) run(ctx context.Context, cfg Config, n *node) error {
	key, err := c.Authority.Issue(alias(n.index))
	if err != nil {
		return err
	}
	n.container, err = testcontainers.Run(ctx, Image(),
		hostport.Publish(map[int]string{portHost: n.host, portProxied: n.proxied, portSecure: n.secure}),
		network.WithNetworkName([]string{alias(n.index)}, cfg.Network),
		testcontainers.WithEnv(cfg.environment(n)),
		testcontainers.WithFiles(testcontainers.ContainerFile{Reader: bytes.NewReader(key), ContainerFilePath: keyFile, FileMode: 0o644}),
		testcontainers.WithWaitStrategyAndDeadline(startLimit, wait.ForLog("Kafka Server started").WithStartupTimeout(startLimit)),
	)
	return err
}

// Addresses are those of the plain listeners.
func (c *Cluster) Addresses() []string { return c.all(func(n *node) string { return n.host }) }

// Fronts are the addresses that the brokers advertise to whoever comes through
// Proxied: nobody listens there but the proxy of a test.
func (c *Cluster) Fronts() []string { return c.all(func(n *node) string { return n.front }) }

// Proxied is where the proxies on Fronts lead to.
func (c *Cluster) Proxied() []string { return c.all(func(n *node) string { return n.proxied }) }

// Secure are the addresses that take TLS and SCRAM-SHA-512.
func (c *Cluster) Secure() []string { return c.all(func(n *node) string { return n.secure }) }

// Inside are the addresses on the cluster's network.
func (c *Cluster) Inside() []string {
	return c.all(func(n *node) string { return fmt.Sprintf("%s:%d", alias(n.index), portBroker) })
}

func (c *Cluster) all(of func(*node) string) []string {
	out := make([]string, len(c.nodes))
	for i, n := range c.nodes {
		out[i] = of(n)
	}
	return out
}

// Answers returns when the broker of that index, from 0, answers.
func (c *Cluster) Answers(ctx context.Context, broker int) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		err := ask(ctx, c.nodes[broker].host)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", alias(broker), err)
		case <-time.After(answerPoll):
		}
	}
}

// ask uses a connection of its own, since what is known of a broker that was
// killed is out of date.
func ask(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	cl, err := kafka.NewClient(kafka.Config{Brokers: []string{address}, DialTimeout: answerLimit})
	if err != nil {
		return err
	}
	defer cl.Close()
	return cl.Ping(ctx)
}

// Close removes the containers and the network.
func (c *Cluster) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	errs := make([]error, len(c.nodes))
	var wg sync.WaitGroup
	for i, n := range c.nodes {
		if n.container != nil {
			wg.Go(func() { errs[i] = n.container.Terminate(ctx, testcontainers.StopTimeout(0)) })
		}
	}
	wg.Wait()
	if c.network != nil {
		errs = append(errs, c.network.Remove(ctx))
	}
	if c.docker != nil {
		errs = append(errs, c.docker.Close())
	}
	return errors.Join(errs...)
}

// Exec runs a command in the container of a broker and returns what it printed,
// errors after the rest.
func (c *Cluster) Exec(ctx context.Context, broker int, command ...string) (string, error) {
	code, out, err := c.nodes[broker].container.Exec(ctx, command, tcexec.Multiplexed())
	if err != nil {
		return "", fmt.Errorf("exec %q: %w", command, err)
	}
	text, err := io.ReadAll(out)
	if err == nil && code != 0 {
		err = fmt.Errorf("exec %q: exit code %d: %s", command, code, text)
	}
	return string(text), err
}

// Kill ends a broker without warning, as SIGKILL does.
func (c *Cluster) Kill(ctx context.Context, broker int) error {
	_, err := c.docker.ContainerKill(ctx, c.id(broker), client.ContainerKillOptions{Signal: "KILL"})
	return err
}

// Restart starts a broker that was killed, and returns at once; see Answers.
func (c *Cluster) Restart(ctx context.Context, broker int) error {
	_, err := c.docker.ContainerStart(ctx, c.id(broker), client.ContainerStartOptions{})
	return err
}

// Pause freezes a broker; Resume lets it go on.
func (c *Cluster) Pause(ctx context.Context, broker int) error {
	_, err := c.docker.ContainerPause(ctx, c.id(broker), client.ContainerPauseOptions{})
	return err
}

// Resume lets a paused broker go on.
func (c *Cluster) Resume(ctx context.Context, broker int) error {
	_, err := c.docker.ContainerUnpause(ctx, c.id(broker), client.ContainerUnpauseOptions{})
	return err
}

// Container is that of a broker, for what this package does not offer.
func (c *Cluster) Container(broker int) testcontainers.Container { return c.nodes[broker].container }

func (c *Cluster) id(broker int) string { return c.nodes[broker].container.GetContainerID() }
