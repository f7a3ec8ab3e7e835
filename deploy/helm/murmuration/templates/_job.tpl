{{/*
A Job that ends: (dict "root" $ "component" "topics" "image" "murmur" "arguments" (list …)
"settings" "YAML map" "credentials" "YAML list" "bundles" (list $ (list …) service)).

In production it is a hook, which runs before anything of the release changes and stops
the upgrade when it fails. In development, where broker and databases come with the
release, a hook would wait for what is not there yet, or be waited for by services that
need it: so there it is an object like the others, which runs beside them. Its name
changes with its content, since a Job cannot be changed; so a new image runs it again.
*/}}
{{- define "murmuration.job" -}}
{{- $root := .root -}}
{{- $template := include "murmuration.jobTemplate" . -}}
{{- $hook := eq $root.Values.mode "production" -}}
{{- $name := include "murmuration.name" (list $root .component) -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ $hook | ternary $name (printf "%s-%s" $name ($template | sha256sum | trunc 8)) }}
  labels:
    {{- include "murmuration.labels" (list $root .component) | nindent 4 }}
  {{- if $hook }}
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-weight: "0"
    # One that failed stays, to be looked at, until the next try.
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    helm.sh/hook-output-log-policy: hook-failed
  {{- end }}
spec:
  backoffLimit: {{ $root.Values.jobs.retries }}
  # Bounds what waits for an address that never answers.
  activeDeadlineSeconds: 3600
  podFailurePolicy:
    rules:
      # A drained node is nobody's failure.
      - action: Ignore
        onPodConditions:
          - {type: DisruptionTarget, status: "True"}
      # Wrong arguments and wrong settings: no retry helps.
      - action: FailJob
        onExitCodes:
          operator: In
          values: [2, 78]
  template:
    {{- $template | nindent 4 }}
{{- end -}}

{{- define "murmuration.jobTemplate" -}}
{{- $root := .root -}}
metadata:
  labels:
    {{- include "murmuration.podLabels" (list $root .component) | nindent 4 }}
  {{- with $root.Values.jobs.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  restartPolicy: Never
  {{- include "murmuration.podCommon" $root | nindent 2 }}
  securityContext:
    {{- include "murmuration.podSecurity" (list $root 65532) | nindent 4 }}
  {{- with $root.Values.jobs.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $root.Values.jobs.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .component }}
      image: {{ include "murmuration.image" (list $root .image) }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: {{ toJson .arguments }}
      securityContext:
        {{- include "murmuration.containerSecurity" $root | nindent 8 }}
      {{- with printf "%s\n%s" (include "murmuration.environment" .settings | trim) (.credentials | trim) | trim }}
      env:
        {{- . | nindent 8 }}
      {{- end }}
      terminationMessagePolicy: FallbackToLogsOnError
      resources:
        {{- toYaml $root.Values.jobs.resources | nindent 8 }}
      {{- with include "murmuration.bundleMounts" .bundles | trim }}
      volumeMounts:
        {{- . | nindent 8 }}
      {{- end }}
  {{- with include "murmuration.bundleVolumes" .bundles | trim }}
  volumes:
    {{- . | nindent 4 }}
  {{- end }}
{{- end -}}
