// Command payment runs the payment service; with the argument migrate it prepares the
// service's database and schemas instead. Its settings are environment variables:
// see docs/configuration.md.
package main

import (
	"context"

	"github.com/murmuration-dev/murmuration/pkg/participant"
	"github.com/murmuration-dev/murmuration/services/payment/app"
)

func main() {
	participant.Main(participant.Program[app.Config]{
		Spec: app.Spec(nil),
		Serve: func(ctx context.Context, cfg app.Config) error {
			return app.Run(ctx, cfg, app.Deps{})
		},
	})
}
