{{/*
What every name begins with. The longest thing appended is "-inventory-migrate-" and
a digest of 8, and the longest for a StatefulSet, whose own controller appends 11 more,
is "-inventory-db": with 36 here, all stay within the 63 of a DNS label. What is longer
is cut, and a digest of the whole keeps two of them apart.
*/}}
{{- define "murmuration.base" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- $whole := .Values.fullnameOverride | default (contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name)) -}}
{{- if gt (len $whole) 36 -}}
{{- printf "%s-%s" ($whole | trunc 27 | trimSuffix "-") ($whole | sha256sum | trunc 8) -}}
{{- else -}}
{{- $whole -}}
{{- end -}}
{{- end -}}

{{/* The name of an object of a component: (list $ "order"). */}}
{{- define "murmuration.name" -}}
{{- printf "%s-%s" (include "murmuration.base" (index . 0)) (index . 1) -}}
{{- end -}}

{{/* What selects the pods of a component: (list $ "order"). Never changes. */}}
{{- define "murmuration.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Values.nameOverride | default $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* The labels of an object of a component: (list $ "order"). */}}
{{- define "murmuration.labels" -}}
{{- $root := index . 0 -}}
{{ include "murmuration.selector" . }}
app.kubernetes.io/version: {{ include "murmuration.tag" $root | trunc 63 | trimSuffix "-" | quote }}
app.kubernetes.io/part-of: murmuration
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The labels of the pods of a component, which change only when the pods do. */}}
{{- define "murmuration.podLabels" -}}
{{- $root := index . 0 -}}
{{ include "murmuration.selector" . }}
app.kubernetes.io/part-of: murmuration
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "murmuration.tag" -}}
{{- .Values.image.tag | default .Chart.AppVersion -}}
{{- end -}}

{{/* The image of one of our programs: (list $ "order"). */}}
{{- define "murmuration.image" -}}
{{- $root := index . 0 -}}
{{- $digest := index $root.Values.image.digests (index . 1) -}}
{{- printf "%s%s:%s" $root.Values.image.prefix (index . 1) (include "murmuration.tag" $root) -}}
{{- with $digest }}@{{ . }}{{ end -}}
{{- end -}}

{{/* The three services. */}}
{{- define "murmuration.services" -}}
order payment inventory
{{- end -}}

{{/* The values of a service, as YAML: (list $ "order"). */}}
{{- define "murmuration.own" -}}
{{- $root := index . 0 -}}
{{- mergeOverwrite (deepCopy $root.Values.services) (deepCopy (index $root.Values (index . 1))) | toYaml -}}
{{- end -}}

{{/* "true" when this part of the infrastructure is in the release: (list $ "kafka"). */}}
{{- define "murmuration.inRelease" -}}
{{- $root := index . 0 -}}
{{- if and (eq $root.Values.mode "development") (index $root.Values.development (index . 1)).enabled -}}true{{- end -}}
{{- end -}}

{{- define "murmuration.serviceAccount" -}}
{{- $own := include "murmuration.own" . | fromYaml -}}
{{- if $own.serviceAccount.name -}}
{{- $own.serviceAccount.name -}}
{{- else if $own.serviceAccount.create -}}
{{- include "murmuration.name" . -}}
{{- else -}}
default
{{- end -}}
{{- end -}}
