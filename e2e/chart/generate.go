package chart

//go:generate go run ./internal/strimzi ../../deploy/helm/murmuration/strimzi
//go:generate go run ./internal/valuesdoc ../../deploy/helm/murmuration/values.yaml ../../deploy/helm/murmuration/README.md
