{{/* The Secrets that an installation in production needs: what names each, its name, its key. */}}
{{- define "murmuration.neededSecrets" -}}
{{- if not .Values.kafka.strimzi.users }}
{{- range $user := include "murmuration.kafkaUsers" . | splitList " " }}
{{- with index $.Values.kafka.users $user }}
- [kafka.users.{{ $user }}.existingSecret, {{ .existingSecret | quote }}, {{ .passwordKey | quote }}]
{{- end }}
{{- end }}
{{- end }}
{{- range $service := include "murmuration.services" . | splitList " " }}
{{- with (index $.Values $service).database }}
- [{{ $service }}.database.existingSecret, {{ .existingSecret | quote }}, {{ .passwordKey | quote }}]
{{- if and $.Values.jobs.enabled .migration.user }}
- [{{ $service }}.database.migration.existingSecret, {{ .migration.existingSecret | quote }}, {{ .migration.passwordKey | quote }}]
{{- end }}
{{- if .ca.secret }}
- [{{ $service }}.database.ca.secret, {{ .ca.secret | quote }}, {{ .ca.key | quote }}]
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.payment.gateway }}
- [payment.gateway.existingSecret, {{ .existingSecret | quote }}, {{ .secretKey | quote }}]
{{- end }}
{{- with .Values.schemaRegistry }}
{{- if .existingSecret }}
- [schemaRegistry.existingSecret, {{ .existingSecret | quote }}, {{ .usernameKey | quote }}]
- [schemaRegistry.existingSecret, {{ .existingSecret | quote }}, {{ .passwordKey | quote }}]
{{- end }}
{{- if and .registration.existingSecret $.Values.jobs.enabled }}
- [schemaRegistry.registration.existingSecret, {{ .registration.existingSecret | quote }}, {{ .usernameKey | quote }}]
- [schemaRegistry.registration.existingSecret, {{ .registration.existingSecret | quote }}, {{ .passwordKey | quote }}]
{{- end }}
{{- if .ca.secret }}
- [schemaRegistry.ca.secret, {{ .ca.secret | quote }}, {{ .ca.key | quote }}]
{{- end }}
{{- end }}
{{- with .Values.kafka.tls.ca }}
{{- if .secret }}
- [kafka.tls.ca.secret, {{ .secret | quote }}, {{ .key | quote }}]
{{- end }}
{{- end }}
{{- end -}}

{{/*
Secrets that are missing, and those that hold what a developer uses. Only a cluster can
tell: where none is asked (helm template), or the namespace is made by this very
installation, the pods say it instead, in kubectl describe.
*/}}
{{- define "murmuration.faults.secrets" -}}
{{- if lookup "v1" "ConfigMap" .Release.Namespace "kube-root-ca.crt" }}
{{- $known := list .Values.development.postgresql.password .Values.development.gateway.key "murmuration" "sk_test_development" "sk_test_compose" }}
{{- range include "murmuration.neededSecrets" . | fromYamlArray }}
{{- $value := index . 0 }}
{{- $name := index . 1 }}
{{- $key := index . 2 }}
{{- if $name }}
{{- $secret := lookup "v1" "Secret" $.Release.Namespace $name }}
{{- if not $secret }}
- {{ $value }}: there is no Secret {{ $name }} in namespace {{ $.Release.Namespace }}: expected one with the key {{ $key }}
{{- else if not (hasKey ($secret.data | default dict) $key) }}
- {{ $value }}: Secret {{ $name }} has no key {{ $key }}
{{- else if has (index $secret.data $key | b64dec) $known }}
- {{ $value }}: Secret {{ $name }} holds a password of development mode: expected one of your own
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
