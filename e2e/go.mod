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

require (
	github.com/dustin/go-humanize v1.1.0 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/ncruces/go-strftime v1.1.0 // indirect
	github.com/pierrec/lz4/v4 v4.1.33 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	github.com/twmb/avro v1.9.0 // indirect
	github.com/twmb/franz-go v1.22.2 // indirect
	github.com/twmb/franz-go/pkg/kfake v0.0.0-20260918054303-01f206a7e32c // indirect
	github.com/twmb/franz-go/pkg/kmsg v1.15.0 // indirect
	go.uber.org/goleak v1.3.0 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	go.uber.org/zap v1.28.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	modernc.org/libc v1.79.0 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.12.1 // indirect
	modernc.org/sqlite v1.61.1 // indirect
)

replace github.com/murmuration-dev/murmuration/pkg => ../pkg

replace github.com/murmuration-dev/murmuration/schemas => ../schemas

replace github.com/murmuration-dev/murmuration/services/order => ../services/order

replace github.com/murmuration-dev/murmuration/services/payment => ../services/payment

replace github.com/murmuration-dev/murmuration/services/inventory => ../services/inventory

replace github.com/murmuration-dev/murmuration/cmd/murmur => ../cmd/murmur
