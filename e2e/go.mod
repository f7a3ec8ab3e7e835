module github.com/murmuration-dev/murmuration/e2e

go 1.26.0

require (
	github.com/murmuration-dev/murmuration/cmd/murmur v0.0.0
	github.com/murmuration-dev/murmuration/pkg v0.0.0
	github.com/murmuration-dev/murmuration/schemas v0.0.0
	github.com/murmuration-dev/murmuration/services/inventory v0.0.0
	github.com/murmuration-dev/murmuration/services/order v0.0.0
	github.com/murmuration-dev/murmuration/services/payment v0.0.0
)

replace github.com/murmuration-dev/murmuration/pkg => ../pkg

replace github.com/murmuration-dev/murmuration/schemas => ../schemas

replace github.com/murmuration-dev/murmuration/services/order => ../services/order

replace github.com/murmuration-dev/murmuration/services/payment => ../services/payment

replace github.com/murmuration-dev/murmuration/services/inventory => ../services/inventory

replace github.com/murmuration-dev/murmuration/cmd/murmur => ../cmd/murmur
