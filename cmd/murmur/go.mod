module github.com/murmuration-dev/murmuration/cmd/murmur

go 1.26.0

require (
	github.com/murmuration-dev/murmuration/pkg v0.0.0
	github.com/murmuration-dev/murmuration/schemas v0.0.0
	github.com/murmuration-dev/murmuration/services/inventory v0.0.0
	github.com/murmuration-dev/murmuration/services/order v0.0.0
	github.com/murmuration-dev/murmuration/services/payment v0.0.0
)

require (
	github.com/HdrHistogram/hdrhistogram-go v1.4.0 // indirect
	github.com/caarlos0/env/v11 v11.4.2 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/spf13/cobra v1.10.2 // indirect
	github.com/spf13/pflag v1.0.9 // indirect
)

replace github.com/murmuration-dev/murmuration/pkg => ../../pkg

replace github.com/murmuration-dev/murmuration/schemas => ../../schemas

replace github.com/murmuration-dev/murmuration/services/order => ../../services/order

replace github.com/murmuration-dev/murmuration/services/payment => ../../services/payment

replace github.com/murmuration-dev/murmuration/services/inventory => ../../services/inventory
