{{/*
A pod of `helm test`: (dict "root" $ "component" "test-order" "weight" "0" "arguments" (list …)).
Its output is shown when it ends; one that failed stays until the next run.
*/}}
{{- define "murmuration.test" -}}
{{- $root := .root -}}
{{- $bundles := list $root (list "kafka" "registry") "" -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "murmuration.name" (list $root .component) }}
  labels:
    {{- include "murmuration.labels" (list $root "test") | nindent 4 }}
  annotations:
    helm.sh/hook: test
    helm.sh/hook-weight: {{ .weight | quote }}
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    helm.sh/hook-output-log-policy: hook-succeeded,hook-failed
spec:
  restartPolicy: Never
  {{- include "murmuration.podCommon" $root | nindent 2 }}
  securityContext:
    {{- include "murmuration.podSecurity" (list $root 65532) | nindent 4 }}
  containers:
    - name: {{ .component }}
      image: {{ include "murmuration.image" (list $root "murmur") }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: {{ toJson .arguments }}
      securityContext:
        {{- include "murmuration.containerSecurity" $root | nindent 8 }}
      env:
        {{- include "murmuration.environment" (printf "%s\n%s" (include "murmuration.settings.kafka" (list $root "reader")) (include "murmuration.settings.registry" $root)) | trim | nindent 8 }}
        {{- with printf "%s%s" (include "murmuration.credentials.kafka" (list $root "reader")) (include "murmuration.credentials.registry" (list $root $root.Values.schemaRegistry)) | trim }}
        {{- . | nindent 8 }}
        {{- end }}
      terminationMessagePolicy: FallbackToLogsOnError
      resources:
        {{- toYaml $root.Values.tests.resources | nindent 8 }}
      {{- with include "murmuration.bundleMounts" $bundles | trim }}
      volumeMounts:
        {{- . | nindent 8 }}
      {{- end }}
  {{- with include "murmuration.bundleVolumes" $bundles | trim }}
  volumes:
    {{- . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* The flags of murmur that say where the platform is, as JSON. */}}
{{- define "murmuration.target" -}}
{{- $flags := list "--kafka" (include "murmuration.brokers" .) "--registry" (include "murmuration.registry" .) -}}
{{- if include "murmuration.inRelease" (list . "gateway") -}}
{{- $flags = concat $flags (list "--gateway" (include "murmuration.gateway" .)) -}}
{{- end -}}
{{- range $service := include "murmuration.services" . | splitList " " -}}
{{- $own := include "murmuration.own" (list $ $service) | fromYaml -}}
{{- $name := include "murmuration.name" (list $ $service) -}}
{{- $flags = concat $flags (list (printf "--%s" $service) (printf "http://%s:%v" $name $own.service.port)) -}}
{{- $flags = concat $flags (list (printf "--%s-ops" $service) (printf "http://%s-ops:9090" $name)) -}}
{{- end -}}
{{- toJson $flags -}}
{{- end -}}

{{/* "true" when helm test places an order. */}}
{{- define "murmuration.placesOrder" -}}
{{- if eq .Values.tests.placeOrder "auto" -}}
{{- if eq .Values.mode "development" -}}true{{- end -}}
{{- else if eq .Values.tests.placeOrder "always" -}}true
{{- end -}}
{{- end -}}
