{{/* Where a URL or host:port leads, as a number: the port, or that of the scheme. */}}
{{- define "murmuration.portOf" -}}
{{- $host := regexReplaceAll "^[a-z]+://" . "" | splitList "/" | first -}}
{{- if regexMatch ":[0-9]+$" $host -}}
{{ regexFind "[0-9]+$" $host }}
{{- else if hasPrefix "http://" . -}}
80
{{- else -}}
443
{{- end -}}
{{- end -}}

{{/* A rule of egress to a component of the release: (list $ "kafka" port). */}}
{{- define "murmuration.egressInside" -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "murmuration.selector" (list (index . 0) (index . 1)) | nindent 10 }}
  ports:
    - {port: {{ index . 2 }}, protocol: TCP}
{{- end -}}

{{/* A rule of egress to somewhere else: (list rule ports), the ports if the rule names none. */}}
{{- define "murmuration.egressOutside" -}}
{{- $rule := index . 0 -}}
- ports:
    {{- range ($rule.ports | default (index . 1 | uniq)) }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  {{- with $rule.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "murmuration.egress.dns" -}}
{{- with .Values.networkPolicy.egress.dns -}}
- ports:
    {{- range .ports }}
    - {port: {{ . }}, protocol: UDP}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  {{- with .to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end -}}

{{- define "murmuration.egress.kafka" -}}
{{- if include "murmuration.inRelease" (list . "kafka") -}}
{{ include "murmuration.egressInside" (list . "kafka" 9092) }}
{{- else -}}
{{- $ports := list -}}
{{- range .Values.kafka.brokers }}{{ $ports = append $ports (include "murmuration.portOf" .) }}{{ end -}}
{{ include "murmuration.egressOutside" (list .Values.networkPolicy.egress.kafka $ports) }}
{{- end -}}
{{- end -}}

{{- define "murmuration.egress.registry" -}}
{{- if include "murmuration.inRelease" (list . "registry") -}}
{{ include "murmuration.egressInside" (list . "registry" 8081) }}
{{- else -}}
{{ include "murmuration.egressOutside" (list .Values.networkPolicy.egress.schemaRegistry (list (include "murmuration.portOf" .Values.schemaRegistry.url))) }}
{{- end -}}
{{- end -}}

{{- define "murmuration.egress.gateway" -}}
{{- if include "murmuration.inRelease" (list . "gateway") -}}
{{ include "murmuration.egressInside" (list . "gateway" 12111) }}
{{- else -}}
{{ include "murmuration.egressOutside" (list .Values.networkPolicy.egress.gateway (list (include "murmuration.portOf" .Values.payment.gateway.url))) }}
{{- end -}}
{{- end -}}

{{/* To the database of a service: (list $ "order"). */}}
{{- define "murmuration.egress.database" -}}
{{- $root := index . 0 -}}
{{- if include "murmuration.inRelease" (list $root "postgresql") -}}
{{ include "murmuration.egressInside" (list $root (printf "%s-db" (index . 1)) 5432) }}
{{- else -}}
{{ include "murmuration.egressOutside" (list $root.Values.networkPolicy.egress.databases (list (index $root.Values (index . 1)).database.port)) }}
{{- end -}}
{{- end -}}

{{/* Where traces go, if anywhere. */}}
{{- define "murmuration.egress.tracing" -}}
{{- with .Values.tracing.endpoint -}}
{{ include "murmuration.egressOutside" (list $.Values.networkPolicy.egress.tracing (list (include "murmuration.portOf" .))) }}
{{- end -}}
{{- end -}}

{{/* Peers: pods of the release of some components: (list $ "order" "payment" …). */}}
{{- define "murmuration.peers" -}}
{{- $root := index . 0 -}}
- podSelector:
    matchLabels:
      app.kubernetes.io/name: {{ $root.Values.nameOverride | default $root.Chart.Name }}
      app.kubernetes.io/instance: {{ $root.Release.Name }}
    matchExpressions:
      - key: app.kubernetes.io/component
        operator: In
        values: {{ rest . | toJson }}
{{- end -}}

{{/* The head of a policy about a component: (list $ "order"). */}}
{{- define "murmuration.policy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "murmuration.name" . }}
  labels:
    {{- include "murmuration.labels" . | nindent 4 }}
{{- end -}}
