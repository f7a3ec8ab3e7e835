// Command order runs the order service. Its settings are environment variables:
// see docs/configuration.md.
package main

import (
	"context"

	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/services/order/app"
)

func main() {
	participant.Main("order", func(ctx context.Context, cfg app.Config) error {
		return app.Run(ctx, cfg, app.Deps{})
	})
}
