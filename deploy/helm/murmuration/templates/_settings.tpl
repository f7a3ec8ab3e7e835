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

{{/* The database of a service, without credentials: (list $ "order"). */}}
{{- define "murmuration.database" -}}
{{- $root := index . 0 -}}
{{- $service := index . 1 -}}
{{- if include "murmuration.inRelease" (list $root "postgresql") -}}
postgres://{{ include "murmuration.name" (list $root (printf "%s-db" $service)) }}:5432/{{ $service }}?sslmode=disable
{{- else -}}
{{- $d := (index $root.Values $service).database -}}
postgres://{{ $d.host }}:{{ $d.port }}/{{ $d.name }}?sslmode={{ $d.sslmode }}
{{- end -}}
{{- end -}}

{{/* Settings of a service that are no secrets: (list $ "order"). */}}
{{- define "murmuration.settings" -}}
{{- $root := index . 0 -}}
{{- $service := index . 1 -}}
LISTEN: ":8080"
OPS_LISTEN: ":9090"
DATABASE_URL: {{ include "murmuration.database" . | quote }}
KAFKA_BROKERS: {{ include "murmuration.brokers" $root | quote }}
SCHEMA_REGISTRY_URL: {{ include "murmuration.registry" $root | quote }}
{{- if eq $service "payment" }}
{{- with include "murmuration.gateway" $root }}
GATEWAY_URL: {{ . | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Credentials of a service, each from a Secret: (list $ "order"). */}}
{{- define "murmuration.credentials" -}}
{{- $root := index . 0 -}}
{{- $service := index . 1 -}}
{{- $database := include "murmuration.name" (list $root (printf "%s-db" $service)) -}}
- name: PGUSER
  valueFrom: {secretKeyRef: {name: {{ $database }}, key: username}}
- name: PGPASSWORD
  valueFrom: {secretKeyRef: {name: {{ $database }}, key: password}}
{{- if eq $service "payment" }}
- name: GATEWAY_KEY
  valueFrom: {secretKeyRef: {name: {{ include "murmuration.name" (list $root "gateway") }}, key: key}}
{{- end }}
{{- end -}}
