//go:build e2e

package stack

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// disk is a memory disk for a database. Docker forgets one when nothing uses it, so
// a container of its own does, which also fills and frees it while the database is
// down.
type disk struct {
	docker *testcontainers.DockerClient
	volume string
	holder testcontainers.Container
}

const (
	// heldAt is where the holder has the disk.
	heldAt = "/disk"
	// ballast fills it.
	ballast = heldAt + "/ballast"
	// PostgreSQL keeps logs of a gigabyte by default, which is more than the disk.
	logsAtMost = "96MB"
)

// startDisk makes the disk of a database and returns what puts a container on it.
func (s *Containers) startDisk(ctx context.Context, part Part) ([]testcontainers.ContainerCustomizer, error) {
	d := &disk{docker: s.docker}
	s.mu.Lock()
	s.disks[part] = d
	s.mu.Unlock()
	made, err := s.docker.VolumeCreate(ctx, client.VolumeCreateOptions{Driver: "local", DriverOpts: map[string]string{
		"type": "tmpfs", "device": "tmpfs", "o": "mode=1777,size=" + strconv.FormatInt(s.cfg.DatabaseDisk, 10),
	}})
	if err != nil {
		return nil, fmt.Errorf("disk of %s: %w", part, err)
	}
	d.volume = made.Volume.Name
	d.holder, err = testcontainers.Run(ctx, imageOf("POSTGRES_IMAGE", officialPostgres), d.at(heldAt),
		testcontainers.WithEntrypoint("sleep"), testcontainers.WithCmd("infinity"))
	if err != nil {
		return nil, fmt.Errorf("disk of %s: %w", part, err)
	}
	const inOwnFolder = dataFolder + "/pgdata" // initdb wants a folder of its own
	return []testcontainers.ContainerCustomizer{
		d.at(dataFolder),
		testcontainers.WithEnv(map[string]string{"PGDATA": inOwnFolder}),
	}, nil
}

// at mounts the disk in a folder.
func (d *disk) at(folder string) testcontainers.CustomizeRequestOption {
	return testcontainers.WithHostConfigModifier(func(h *container.HostConfig) {
		h.Mounts = append(h.Mounts, mount.Mount{Type: mount.TypeVolume, Source: d.volume, Target: folder})
	})
}

func (d *disk) remove(ctx context.Context) error {
	var errs []error
	if d.holder != nil {
		errs = append(errs, d.holder.Terminate(ctx, testcontainers.StopTimeout(0)))
	}
	if d.volume != "" {
		_, err := d.docker.VolumeRemove(ctx, d.volume, client.VolumeRemoveOptions{Force: true})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// fill is in large pieces, then in small ones, each until nothing more fits; and again
// while the database gives something back, as when it removes old logs.
const fill = `for try in 1 2 3 4 5; do
	dd if=/dev/zero of=` + ballast + ` bs=1M oflag=append conv=notrunc
	dd if=/dev/zero of=` + ballast + ` bs=512 oflag=append conv=notrunc
	left=$(df --output=avail ` + heldAt + ` | tail -1 | tr -d ' ')
	[ "$left" = 0 ] && exit 0
done
echo "$left KiB are left" >&2
exit 1`

// FillDisk leaves no byte on the disk of a database. After an error it is as it was.
func (s *Containers) FillDisk(ctx context.Context, part Part) error {
	_, err := s.onDisk(ctx, part, fill)
	if err == nil {
		return nil
	}
	return errors.Join(err, s.FreeDisk(context.WithoutCancel(ctx), part))
}

// FreeDisk undoes FillDisk. A database that gave up meanwhile is started again.
func (s *Containers) FreeDisk(ctx context.Context, part Part) error {
	if _, err := s.onDisk(ctx, part, "rm -f "+ballast); err != nil {
		return err
	}
	b, err := s.box(part)
	if err != nil {
		return err
	}
	seen, err := b.docker.ContainerInspect(ctx, b.id(), client.ContainerInspectOptions{})
	if err == nil && !seen.Container.State.Running && b.is(isRunning) {
		_, err = b.docker.ContainerStart(ctx, b.id(), client.ContainerStartOptions{})
	}
	if err != nil {
		return fmt.Errorf("start %s on its disk: %w", part, err)
	}
	return b.await(ctx)
}

func (s *Containers) onDisk(ctx context.Context, part Part, script string) (Output, error) {
	s.mu.Lock()
	d := s.disks[part]
	s.mu.Unlock()
	if d == nil {
		return Output{Code: -1}, fmt.Errorf("disk of %s: %w", part, ErrNoSuchPart)
	}
	b := &box{part: part, docker: s.docker, of: d.holder}
	out, err := b.exec(ctx, []string{"sh", "-c", script})
	if err == nil && out.Code != exitClean {
		err = fmt.Errorf("disk of %s: %s", part, out)
	}
	return out, err
}
