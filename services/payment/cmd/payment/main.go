// Command payment runs the payment service. Its settings are environment variables:
// see the configuration table in docs/configuration.md.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/pkg/run"
	"github.com/murmuration-dev/murmuration/services/payment/app"
)

func main() {
	err := serve()
	if err != nil {
		fmt.Fprintln(os.Stderr, "payment:", err)
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
