// Command payment runs the payment service. Its settings are environment variables:
// see docs/configuration.md.
package main

import (
	"context"

	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/services/payment/app"
)

func main() {
	participant.Main("payment", func(ctx context.Context, cfg app.Config) error {
		return app.Run(ctx, cfg, app.Deps{})
	})
}
