// Package compose holds compose.yaml to what the programs take.
package compose

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caarlos0/env/v11"
	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/murmuration-dev/murmuration/cmd/murmur/embedded"
	"github.com/murmuration-dev/murmuration/pkg/participant"
	inventory "github.com/murmuration-dev/murmuration/services/inventory/app"
	order "github.com/murmuration-dev/murmuration/services/order/app"
	payment "github.com/murmuration-dev/murmuration/services/payment/app"
)

const folder = "../.." // where compose.yaml is

func load(t *testing.T, environment ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{folder + "/compose.yaml"}, cli.WithName("murmuration"), cli.WithEnv(environment))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestCompose_RunsOfficialImagesUnlessOthersAreNamed(t *testing.T) {
	images := func(p *types.Project) map[string]string {
		out := make(map[string]string)
		for name, s := range p.Services {
			out[name] = s.Image
		}
		return out
	}
	got := images(load(t))
	want := map[string]string{
		"kafka": "apache/kafka:4.3.1", "registry": "apicurio/apicurio-registry:3.3.3",
		"order-db": "postgres:15", "payment-db": "postgres:15", "inventory-db": "postgres:15",
		"order": "murmuration/order:dev", "payment": "murmuration/payment:dev", "inventory": "murmuration/inventory:dev",
		"gateway": "murmuration/gatewaysim:dev", "topics": "murmuration/murmur:dev",
	}
	if !maps.Equal(got, want) {
		t.Errorf("images are %v, want %v", got, want)
	}
	got = images(load(t, "KAFKA_IMAGE=k", "POSTGRES_IMAGE=p", "REGISTRY_IMAGE=r", "MURMURATION_TAG=1.2"))
	for name, want := range map[string]string{"kafka": "k", "registry": "r", "order-db": "p", "payment-db": "p", "inventory-db": "p", "topics": "murmuration/murmur:1.2"} {
		if got[name] != want {
			t.Errorf("image of %s is %s, want %s", name, got[name], want)
		}
	}
}

// parse reads settings as a service does, and refuses a variable that it has none
// for.
func parse[C any](t *testing.T, of types.ServiceConfig) C {
	t.Helper()
	variables := of.Environment.ToMapping()
	known := make(map[string]bool)
	settings, err := env.ParseAsWithOptions[C](env.Options{
		Environment: variables, OnSet: func(name string, _ any, _ bool) { known[name] = true },
	})
	if err != nil {
		t.Errorf("%s: %v", of.Name, err)
	}
	for name := range variables {
		if !known[name] {
			t.Errorf("%s has no setting %s", of.Name, name)
		}
	}
	return settings
}

func TestCompose_SetsWhatTheServicesTake(t *testing.T) {
	all := load(t).Services
	for name, settings := range map[string]participant.Settings{
		"order":     parse[order.Config](t, all["order"]).Settings,
		"payment":   parse[payment.Config](t, all["payment"]).Settings,
		"inventory": parse[inventory.Config](t, all["inventory"]).Settings,
	} {
		if err := settings.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// Each has its own database, and finds the others by their names.
		if want := "@" + name + "-db:5432/"; !strings.Contains(settings.DatabaseURL, want) {
			t.Errorf("%s keeps its data in %s, want %s", name, settings.DatabaseURL, want)
		}
	}
}

// Commands find the platform by the file beside the Dockerfile, and people by the
// ports of the documentation.
func TestCompose_IsWhereCommandsLookForIt(t *testing.T) {
	at, err := embedded.ReadAddresses(folder + "/deploy/docker")
	if err != nil {
		t.Fatal(err)
	}
	usual := embedded.DefaultPorts()
	services := load(t).Services
	for _, p := range []struct {
		service string
		inside  uint32
		usual   int
		address string
	}{
		{"kafka", 9094, usual.Kafka, at.Kafka},
		{"registry", 8081, usual.Registry, at.Registry},
		{"gateway", 12111, usual.Gateway, at.Gateway},
		{"order", 8080, usual.Order, at.Order.API},
		{"order", 9090, usual.OrderOps, at.Order.Ops},
		{"payment", 8080, usual.Payment, at.Payment.API},
		{"payment", 9090, usual.PaymentOps, at.Payment.Ops},
		{"inventory", 8080, usual.Inventory, at.Inventory.API},
		{"inventory", 9090, usual.InventoryOps, at.Inventory.Ops},
	} {
		port := strconv.Itoa(p.usual)
		published := slices.ContainsFunc(services[p.service].Ports, func(c types.ServicePortConfig) bool {
			return c.Target == p.inside && c.Published == port && c.HostIP == "127.0.0.1"
		})
		if !published {
			t.Errorf("port %d of %s is not at 127.0.0.1:%s: %+v", p.inside, p.service, port, services[p.service].Ports)
		}
		if !strings.Contains(p.address+"/", "127.0.0.1:"+port+"/") {
			t.Errorf("commands look for port %d of %s at %s, want port %s", p.inside, p.service, p.address, port)
		}
	}
}
