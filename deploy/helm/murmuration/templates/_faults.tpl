{{/* Everything that is wrong with the values, a line each: what a schema cannot say. */}}
{{- define "murmuration.faults" -}}
{{- include "murmuration.faults.addresses" . -}}
{{- include "murmuration.faults.shape" . -}}
{{- if eq .Values.mode "production" -}}
{{- include "murmuration.faults.production" . -}}
{{- end -}}
{{- end -}}

{{/* What is not in the release has to be somewhere else. */}}
{{- define "murmuration.faults.addresses" -}}
{{- if and (not (include "murmuration.inRelease" (list . "kafka"))) (not .Values.kafka.brokers) }}
- kafka.brokers is empty: expected host:port of some brokers
{{- end }}
{{- if and (not (include "murmuration.inRelease" (list . "registry"))) (not .Values.schemaRegistry.url) }}
- schemaRegistry.url is empty: expected http(s)://host:port, with a path if the registry has one
{{- end }}
{{- if not (include "murmuration.inRelease" (list . "postgresql")) }}
{{- range $service := include "murmuration.services" . | splitList " " }}
{{- $d := (index $.Values $service).database }}
{{- if not $d.host }}
- {{ $service }}.database.host is empty: expected the host of its PostgreSQL server
{{- end }}
{{- if not $d.existingSecret }}
- {{ $service }}.database.existingSecret is empty: expected the name of a Secret with the password of {{ $d.user }}
{{- end }}
{{- if and $d.migration.user (not $d.migration.existingSecret) }}
- {{ $service }}.database.migration.existingSecret is empty: expected the name of a Secret with the password of {{ $d.migration.user }}
{{- end }}
{{- end }}
{{- end }}
{{- if and (not (include "murmuration.inRelease" (list . "gateway"))) (not .Values.payment.gateway.existingSecret) }}
- payment.gateway.existingSecret is empty: expected the name of a Secret with the gateway's secret key
{{- end }}
{{- end -}}

{{- define "murmuration.faults.shape" -}}
{{- range $service := include "murmuration.services" . | splitList " " }}
{{- $own := include "murmuration.own" (list $ $service) | fromYaml }}
{{- if and $own.autoscaling.enabled (gt (int $own.autoscaling.minReplicas) (int $own.autoscaling.maxReplicas)) }}
- {{ $service }}: autoscaling.minReplicas is {{ $own.autoscaling.minReplicas }}, above maxReplicas, {{ $own.autoscaling.maxReplicas }}
{{- end }}
{{- if lt (int $own.terminationGracePeriodSeconds) (add 35 (int $own.drainSeconds)) }}
- {{ $service }}: terminationGracePeriodSeconds is {{ $own.terminationGracePeriodSeconds }}: expected drainSeconds and 35 more, or requests are cut off
{{- end }}
{{- end }}
{{- if and (or (eq .Values.kafka.topics.declaredBy "strimzi") .Values.kafka.strimzi.users) (not .Values.kafka.strimzi.cluster) }}
- kafka.strimzi.cluster is empty: expected the name of the Kafka resource that topics and users belong to
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
- httpRoute.parentRefs is empty: expected the Gateways that it belongs to
{{- end }}
{{- if and (or .Values.ingress.enabled .Values.httpRoute.enabled) (not (concat .Values.routes.order .Values.routes.payment .Values.routes.inventory)) }}
- routes are all empty: expected the paths that lead to the services
{{- end }}
{{- with .Values.kafka.tls.ca }}
{{- if and .secret .configMap }}
- kafka.tls.ca names a Secret and a ConfigMap: expected one of them
{{- end }}
{{- end }}
{{- if and (include "murmuration.ca" .Values.kafka.tls.ca) (not .Values.kafka.tls.enabled) }}
- kafka.tls.ca is set, but kafka.tls.enabled is not: expected both or neither
{{- end }}
{{- end -}}

{{/* Production takes no development settings, and no credentials that are not in Secrets. */}}
{{- define "murmuration.faults.production" -}}
{{- $tag := include "murmuration.tag" . }}
{{- if has $tag (list "dev" "latest") }}
- image.tag is {{ $tag }} in production: expected a version
{{- end }}
{{- if not .Values.kafka.tls.enabled }}
- kafka.tls.enabled is false in production: passwords and orders would be readable on the network
{{- end }}
{{- range $user := include "murmuration.kafkaUsers" . | splitList " " }}
{{- if not (index $.Values.kafka.users $user).existingSecret }}
- kafka.users.{{ $user }}.existingSecret is empty in production: expected the name of a Secret with its password
{{- end }}
{{- end }}
{{- range $service := include "murmuration.services" . | splitList " " }}
{{- $d := (index $.Values $service).database }}
{{- if ne $d.sslmode "verify-full" }}
- {{ $service }}.database.sslmode is {{ $d.sslmode }} in production: expected verify-full, which makes sure who answers
{{- end }}
{{- end }}
{{- if .Values.checks.secrets }}
{{- include "murmuration.faults.secrets" . }}
{{- end }}
{{- end -}}

{{/* The users at the brokers that programs of the release are. */}}
{{- define "murmuration.kafkaUsers" -}}
{{- $users := include "murmuration.services" . | splitList " " -}}
{{- if and .Values.jobs.enabled (eq .Values.kafka.topics.declaredBy "job") }}{{ $users = append $users "topics" }}{{ end -}}
{{- if .Values.tests.enabled }}{{ $users = append $users "reader" }}{{ end -}}
{{- join " " $users -}}
{{- end -}}
