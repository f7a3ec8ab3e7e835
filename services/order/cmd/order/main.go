// Command order runs the order service. Its settings are environment variables:
// see the configuration table in docs/configuration.md.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/pkg/run"
	"github.com/murmuration-dev/murmuration/services/order/app"
)

func main() {
	err := serve()
	if err != nil {
		fmt.Fprintln(os.Stderr, "order:", err)
	}
	os.Exit(run.ExitCode(err))
}

func serve() error {
	ctx, stop := run.Signals(context.Background())
	defer stop()
	cfg, err := participant.Load[app.Config]()
	if err != nil {
		return err
	}
	return app.Run(ctx, cfg, app.Deps{})
}
