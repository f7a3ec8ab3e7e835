module github.com/murmuration-dev/murmuration/services/inventory

go 1.26.0

require (
	github.com/murmuration-dev/murmuration/pkg v0.0.0
	github.com/murmuration-dev/murmuration/schemas v0.0.0
)

require pgregory.net/rapid v1.3.0 // indirect

replace github.com/murmuration-dev/murmuration/pkg => ../../pkg

replace github.com/murmuration-dev/murmuration/schemas => ../../schemas
