{{/* Addresses: in development those of the release, unless a part is elsewhere. */}}

{{- define "murmuration.brokers" -}}
{{- if include "murmuration.inRelease" (list . "kafka") -}}
{{ include "murmuration.name" (list . "kafka") }}:9092
{{- else -}}
{{ join "," .Values.kafka.brokers }}
{{- end -}}
{{- end -}}

{{- define "murmuration.registry" -}}
{{- if include "murmuration.inRelease" (list . "registry") -}}
http://{{ include "murmuration.name" (list . "registry") }}:8081/apis/ccompat/v7
{{- else -}}
{{ .Values.schemaRegistry.url }}
{{- end -}}
{{- end -}}

{{- define "murmuration.gateway" -}}
{{- if include "murmuration.inRelease" (list . "gateway") -}}
http://{{ include "murmuration.name" (list . "gateway") }}:12111
{{- else -}}
{{ .Values.payment.gateway.url }}
{{- end -}}
{{- end -}}

{{/* The database of a service, without a password: (list $ "order" role). */}}
{{- define "murmuration.database" -}}
{{- $root := index . 0 -}}
{{- $service := index . 1 -}}
{{- $role := index . 2 -}}
{{- if include "murmuration.inRelease" (list $root "postgresql") -}}
postgres://{{ $role }}@{{ include "murmuration.name" (list $root (printf "%s-db" $service)) }}:5432/{{ $service }}?sslmode=disable
{{- else -}}
{{- $d := (index $root.Values $service).database -}}
postgres://{{ $role }}@{{ $d.host }}:{{ $d.port }}/{{ $d.name }}?sslmode={{ $d.sslmode }}
{{- if or $d.ca.secret $d.ca.configMap }}&sslrootcert=/etc/murmuration/database/ca.crt{{ end -}}
{{- end -}}
{{- end -}}

{{/* The role that a service works as: (list $ "order"). */}}
{{- define "murmuration.role" -}}
{{- $root := index . 0 -}}
{{- if include "murmuration.inRelease" (list $root "postgresql") -}}
{{ index . 1 }}
{{- else -}}
{{ (index $root.Values (index . 1)).database.user }}
{{- end -}}
{{- end -}}

{{/* Settings of all programs that are no secrets. */}}
{{- define "murmuration.settings.log" -}}
LOG_LEVEL: {{ .Values.log.level | quote }}
LOG_FORMAT: {{ .Values.log.format | quote }}
{{- end -}}

{{- define "murmuration.settings.kafka" -}}
{{- $root := index . 0 -}}
{{- $user := index $root.Values.kafka.users (index . 1) -}}
{{- if not (include "murmuration.inRelease" (list $root "kafka")) -}}
{{- if $root.Values.kafka.tls.enabled }}
KAFKA_TLS: "true"
{{- if include "murmuration.ca" $root.Values.kafka.tls.ca }}
KAFKA_CA_FILE: /etc/murmuration/kafka/ca.crt
{{- end }}
{{- end }}
{{- if $user.existingSecret }}
KAFKA_USERNAME: {{ $user.username | quote }}
{{- end }}
{{- end -}}
{{- end -}}

{{- define "murmuration.settings.registry" -}}
SCHEMA_REGISTRY_URL: {{ include "murmuration.registry" . | quote }}
{{- if and (not (include "murmuration.inRelease" (list . "registry"))) (include "murmuration.ca" .Values.schemaRegistry.ca) }}
# Beside the system's, which Go looks up as a file.
SSL_CERT_DIR: /etc/murmuration/registry
{{- end }}
{{- end -}}

{{/* Settings of a service that are no secrets: (list $ "order"). */}}
{{- define "murmuration.settings" -}}
{{- $root := index . 0 -}}
{{- $service := index . 1 -}}
{{- $own := include "murmuration.own" . | fromYaml -}}
LISTEN: ":8080"
OPS_LISTEN: ":9090"
# Stands in for a preStop hook, which needs a shell or Kubernetes 1.30, and ends no
# connections that are kept open.
DRAIN_DELAY: {{ $own.drainSeconds }}s
DATABASE_URL: {{ include "murmuration.database" (list $root $service (include "murmuration.role" .)) | quote }}
{{- if $root.Values.jobs.enabled }}
# The Jobs do.
MIGRATE: never
{{- end }}
KAFKA_BROKERS: {{ include "murmuration.brokers" $root | quote }}
{{- include "murmuration.settings.kafka" . }}
{{ include "murmuration.settings.registry" $root }}
{{ include "murmuration.settings.log" $root }}
{{- with $root.Values.tracing }}
{{- if .endpoint }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ .endpoint | quote }}
TRACE_RATIO: {{ .ratio | quote }}
{{- end }}
{{- end }}
{{- if eq $service "order" }}
ORDER_DEADLINE: {{ $own.deadline | quote }}
{{- end }}
{{- if eq $service "payment" }}
{{- with include "murmuration.gateway" $root }}
GATEWAY_URL: {{ . | quote }}
{{- end }}
GATEWAY_TIMEOUT: {{ $own.gateway.timeout | quote }}
{{- end }}
{{- range $name, $value := $own.env }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end -}}

{{/* Environment variables from a map in YAML. */}}
{{- define "murmuration.environment" -}}
{{- range $name, $value := . | fromYaml }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{/* An environment variable from a Secret: (list "NAME" "secret" "key"). */}}
{{- define "murmuration.secret" -}}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef:
      name: {{ index . 1 }}
      key: {{ index . 2 }}
{{- end -}}

{{- define "murmuration.credentials.kafka" -}}
{{- $root := index . 0 -}}
{{- $user := index $root.Values.kafka.users (index . 1) -}}
{{- if and $user.existingSecret (not (include "murmuration.inRelease" (list $root "kafka"))) }}
{{ include "murmuration.secret" (list "KAFKA_PASSWORD" $user.existingSecret $user.passwordKey) }}
{{- end }}
{{- end -}}

{{/* The credentials at the registry: (list $ from), where from is the part of the values that names the Secret. */}}
{{- define "murmuration.credentials.registry" -}}
{{- $root := index . 0 -}}
{{- $registry := $root.Values.schemaRegistry -}}
{{- $secret := (index . 1).existingSecret | default $registry.existingSecret -}}
{{- if and $secret (not (include "murmuration.inRelease" (list $root "registry"))) }}
{{ include "murmuration.secret" (list "SCHEMA_REGISTRY_USERNAME" $secret $registry.usernameKey) }}
{{ include "murmuration.secret" (list "SCHEMA_REGISTRY_PASSWORD" $secret $registry.passwordKey) }}
{{- end }}
{{- end -}}

{{/* The password of a role of a service's database: (list $ "order" from), where from is the part of the values that names the Secret. */}}
{{- define "murmuration.credentials.database" -}}
{{- $root := index . 0 -}}
{{- $from := index . 2 -}}
{{- if include "murmuration.inRelease" (list $root "postgresql") }}
{{ include "murmuration.secret" (list "PGPASSWORD" (include "murmuration.name" (list $root (printf "%s-db" (index . 1)))) "password") }}
{{- else if $from.existingSecret }}
{{ include "murmuration.secret" (list "PGPASSWORD" $from.existingSecret $from.passwordKey) }}
{{- end }}
{{- end -}}

{{/* The credentials of a service: (list $ "order"). */}}
{{- define "murmuration.credentials" -}}
{{- $root := index . 0 -}}
{{- $service := index . 1 -}}
{{- include "murmuration.credentials.database" (list $root $service (index $root.Values $service).database) }}
{{- include "murmuration.credentials.kafka" . }}
{{- include "murmuration.credentials.registry" (list $root $root.Values.schemaRegistry) }}
{{- if eq $service "payment" }}
{{- if include "murmuration.inRelease" (list $root "gateway") }}
{{ include "murmuration.secret" (list "GATEWAY_KEY" (include "murmuration.name" (list $root "gateway")) "key") }}
{{- else if $root.Values.payment.gateway.existingSecret }}
{{ include "murmuration.secret" (list "GATEWAY_KEY" $root.Values.payment.gateway.existingSecret $root.Values.payment.gateway.secretKey) }}
{{- end }}
{{- end }}
{{- end -}}
