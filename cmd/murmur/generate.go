package main

//go:generate go run ./internal/settingsdoc -o ../../docs/configuration.md "Every service=../../pkg/participant/settings.go" "Sub-command migrate of every service=../../pkg/participant/migratesettings.go" "order=../../services/order/app/app.go" "payment=../../services/payment/app/app.go" "inventory=../../services/inventory/app/app.go"
