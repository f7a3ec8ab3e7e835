{{/* "true" when a CA bundle is named. */}}
{{- define "murmuration.ca" -}}
{{- if or .secret .configMap -}}true{{- end -}}
{{- end -}}

{{/* The CA bundles that a pod mounts, as YAML by name: (list $ wanted service), where wanted are some of kafka, registry and database. */}}
{{- define "murmuration.bundles" -}}
{{- $root := index . 0 -}}
{{- $wanted := index . 1 -}}
{{- $found := dict -}}
{{- if and (has "kafka" $wanted) $root.Values.kafka.tls.enabled (not (include "murmuration.inRelease" (list $root "kafka"))) (include "murmuration.ca" $root.Values.kafka.tls.ca) -}}
{{- $_ := set $found "kafka" $root.Values.kafka.tls.ca -}}
{{- end -}}
{{- if and (has "registry" $wanted) (not (include "murmuration.inRelease" (list $root "registry"))) (include "murmuration.ca" $root.Values.schemaRegistry.ca) -}}
{{- $_ := set $found "registry" $root.Values.schemaRegistry.ca -}}
{{- end -}}
{{- if and (has "database" $wanted) (not (include "murmuration.inRelease" (list $root "postgresql"))) -}}
{{- with (index $root.Values (index . 2)).database.ca -}}
{{- if include "murmuration.ca" . -}}
{{- $_ := set $found "database" . -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}

{{/* Mounts of the bundles above. */}}
{{- define "murmuration.bundleMounts" -}}
{{- range $name, $_ := include "murmuration.bundles" . | fromYaml }}
- name: {{ $name }}-ca
  mountPath: /etc/murmuration/{{ $name }}
  readOnly: true
{{- end }}
{{- end -}}

{{/* Volumes of the bundles above. */}}
{{- define "murmuration.bundleVolumes" -}}
{{- range $name, $ca := include "murmuration.bundles" . | fromYaml }}
- name: {{ $name }}-ca
  {{- if $ca.secret }}
  secret:
    secretName: {{ $ca.secret }}
    items:
      - {key: {{ $ca.key }}, path: ca.crt}
  {{- else }}
  configMap:
    name: {{ $ca.configMap }}
    items:
      - {key: {{ $ca.key }}, path: ca.crt}
  {{- end }}
{{- end }}
{{- end -}}
