module github.com/murmuration-dev/murmuration/services/payment

go 1.26.0

require (
	github.com/murmuration-dev/murmuration/pkg v0.0.0
	github.com/murmuration-dev/murmuration/schemas v0.0.0
)

require (
	github.com/stripe/stripe-go/v85 v85.0.0 // indirect
	pgregory.net/rapid v1.3.0 // indirect
)

replace github.com/murmuration-dev/murmuration/pkg => ../../pkg

replace github.com/murmuration-dev/murmuration/schemas => ../../schemas
