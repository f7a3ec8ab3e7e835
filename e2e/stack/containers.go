//go:build e2e

package stack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
	"github.com/testcontainers/testcontainers-go/network"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/e2e/stack/hostport"
	"github.com/murmuration-dev/murmuration/e2e/stack/kafkacluster"
)

// ContainersConfig says what to start. The zero value is one broker and one
// replica of each service.
type ContainersConfig struct {
	// Brokers is the number of Kafka brokers, 1 or 3. Three replicate, and a write
	// is acknowledged by two.
	Brokers int
	// Replicas is the number of containers of each service at the start; see Scale.
	Replicas int
	// Deadline is how long an order may wait; default 15 minutes.
	Deadline time.Duration
	// Settings are further environment variables of the services.
	Settings map[string]string
	// KafkaSettings are broker properties beside those of kafkacluster.
	KafkaSettings map[string]string
	// DatabaseDisk, if above 0, puts the database of each service on a memory disk
	// of that many bytes, which lasts as long as the platform; see FillDisk.
	DatabaseDisk int64
	// DatabaseVolume puts the database of each service on a volume of Docker's, as
	// people keep databases, not into the container's own layer.
	DatabaseVolume bool
	// DatabaseSettings are server settings of the services' databases, by name.
	DatabaseSettings map[string]string
	// DatabaseFront, if not nil, is asked once for each service at which host:port
	// its replicas shall reach its database: that of a proxy, say. It is given
	// where the database is, and the host at which containers reach this machine.
	DatabaseFront func(service, database, host string) (string, error)
}

// Containers is a platform as people run it: Apache Kafka, a PostgreSQL per
// service, a schema registry, a card gateway and replicas of the services, each in
// a container of its own. Addresses on this machine stay what they are over
// restarts.
type Containers struct {
	cfg     ContainersConfig
	images  map[string]string
	docker  *testcontainers.DockerClient
	network *testcontainers.DockerNetwork
	kafka   *kafkacluster.Cluster

	mu       sync.Mutex
	boxes    map[Part]*box
	disks    map[Part]*disk        // of databases
	fronts   map[string]string     // where replicas find the database, by service
	services map[string][]*replica // by service; also those that Scale stopped
	surround surroundings
	turn     int // of the replicas that Addresses names
}

var _ Killer = (*Containers)(nil)

// NewContainers builds the images of this working tree where they are missing and
// starts a platform. After an error nothing of it is left.
func NewContainers(ctx context.Context, cfg ContainersConfig) (*Containers, error) {
	cfg.Brokers, cfg.Replicas = max(cfg.Brokers, 1), max(cfg.Replicas, 1)
	cfg.Deadline = cmp.Or(cfg.Deadline, 15*time.Minute)
	s := &Containers{cfg: cfg, boxes: make(map[Part]*box), disks: make(map[Part]*disk), services: make(map[string][]*replica)}
	if err := s.start(ctx); err != nil {
		tails := s.Log() // while there is something to ask
		return nil, errors.Join(fmt.Errorf("start containers: %w", err), s.Close(), errors.New(tails))
	}
	return s, nil
}

func (s *Containers) start(ctx context.Context) (err error) {
	if s.docker, err = testcontainers.NewDockerClientWithOpts(ctx); err != nil {
		return err
	}
	if s.network, err = network.New(ctx); err != nil {
		return err
	}
	err = atOnce(
		func() (err error) { s.images, err = BuildImages(ctx); return err },
		func() error { return s.startKafka(ctx) },
		func() error { return s.startDatabases(ctx) },
	)
	if err != nil {
		return err
	}
	err = atOnce(
		func() error { return s.applyTopics(ctx) },
		func() error { return s.startRegistry(ctx) },
		func() error { return s.startGateway(ctx) },
	)
	if err != nil {
		return err
	}
	if err := s.findDatabases(ctx); err != nil {
		return err
	}
	var starts []func() error
	for _, service := range serviceNames {
		starts = append(starts, func() error { return s.Scale(ctx, service, s.cfg.Replicas) })
	}
	return atOnce(starts...)
}

// findDatabases settles where the replicas of each service find its database.
func (s *Containers) findDatabases(ctx context.Context) error {
	host, err := s.hostAddress(ctx)
	if err != nil {
		return err
	}
	s.fronts = make(map[string]string)
	for _, service := range serviceNames {
		s.fronts[service] = fmt.Sprintf("%s:%d", Database(service), postgresPort)
		if s.cfg.DatabaseFront == nil {
			continue
		}
		if s.fronts[service], err = s.cfg.DatabaseFront(service, s.surround.databases[service], host); err != nil {
			return err
		}
	}
	return nil
}

func (s *Containers) startKafka(ctx context.Context) (err error) {
	s.kafka, err = kafkacluster.Start(ctx, kafkacluster.Config{
		Brokers: s.cfg.Brokers, Network: s.network.Name, Settings: s.cfg.KafkaSettings,
	})
	if err != nil {
		return err
	}
	for i := range s.cfg.Brokers {
		s.add(&box{part: Broker(i + 1), of: s.kafka.Container(i), answers: func(ctx context.Context) error { return s.kafka.Answers(ctx, i) }})
	}
	return nil
}

// run starts a container under the name of its part, and waits until it answers.
func (s *Containers) run(ctx context.Context, part Part, image string, answers func(context.Context) error, options ...testcontainers.ContainerCustomizer) error {
	options = append(options, network.WithNetworkName([]string{string(part)}, s.network.Name), quiet)
	c, err := testcontainers.Run(ctx, image, options...)
	if c == nil {
		return fmt.Errorf("start %s: %w", part, err)
	}
	b := s.add(&box{part: part, of: c, answers: answers})
	if err != nil {
		return fmt.Errorf("start %s: %w", part, err)
	}
	return b.await(ctx)
}

func (s *Containers) add(b *box) *box {
	b.docker, b.network = s.docker, s.network.Name
	s.mu.Lock()
	defer s.mu.Unlock()
	s.boxes[b.part] = b
	return b
}

// Addresses implements Stack. API and Ops of a service are those of one replica
// that runs, another at each call, as a load balancer would choose; Replicas are
// all that run.
func (s *Containers) Addresses() embedded.Addresses {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn++
	return embedded.Addresses{
		Kafka: strings.Join(s.kafka.Addresses(), ","), Registry: s.surround.registryURL(), Gateway: "http://" + s.surround.gateway,
		Order: s.service(Order), Payment: s.service(Payment), Inventory: s.service(Inventory),
	}
}

func (s *Containers) service(name string) embedded.Service {
	var at embedded.Service
	for _, r := range s.services[name] {
		if b := s.boxes[r.part]; b != nil && b.usable() {
			at.Replicas = append(at.Replicas, embedded.Replica{API: "http://" + r.api, Ops: "http://" + r.ops})
		}
	}
	one := embedded.Replica{API: "http://" + s.services[name][0].api, Ops: "http://" + s.services[name][0].ops} // to fail at, if none runs
	if n := len(at.Replicas); n > 0 {
		one = at.Replicas[s.turn%n]
	}
	at.API, at.Ops = one.API, one.Ops
	return at
}

// Parts implements Stack: Everything, and each container.
func (s *Containers) Parts() []Part {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Part{Everything}, slices.Sorted(maps.Keys(s.boxes))...)
}

func (s *Containers) box(part Part) (*box, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.boxes[part]
	if b == nil {
		return nil, fmt.Errorf("%s: %w", part, ErrNoSuchPart)
	}
	return b, nil
}

// Close implements Stack: it removes all containers with what they kept.
func (s *Containers) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	var ends []func() error
	for part, b := range s.boxes {
		if !part.isBroker() {
			ends = append(ends, func() error { return b.remove(ctx) })
		}
	}
	if s.kafka != nil {
		for part, b := range s.boxes {
			if part.isBroker() && !b.usable() {
				_ = b.resume(ctx) // a frozen one cannot be removed
			}
		}
		ends = append(ends, s.kafka.Close)
	}
	err := atOnce(ends...)
	for _, d := range s.disks {
		err = errors.Join(err, d.remove(ctx))
	}
	if s.network != nil {
		err = errors.Join(err, s.network.Remove(ctx))
	}
	if s.docker != nil {
		err = errors.Join(err, s.docker.Close())
	}
	return err
}

// quiet keeps testcontainers from telling what it does; what fails is in its errors.
var quiet = testcontainers.WithLogger(log.NewNoopLogger())

// atOnce runs functions concurrently and returns all their errors.
func atOnce(all ...func() error) error {
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, f := range all {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// closeTimeout bounds the removal of some fifteen containers on a busy machine.
const closeTimeout = 2 * time.Minute

// freePorts are addresses on this machine's loopback interface.
func freePorts(into ...*string) error {
	for _, address := range into {
		var err error
		if *address, err = hostport.Free(hostport.Loopback); err != nil {
			return err
		}
	}
	return nil
}
