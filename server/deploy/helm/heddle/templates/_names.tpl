{{/* The labels by which the portal's own objects are found, and its pods by the policies of chains. */}}
{{- define "heddle.labels" -}}
app.kubernetes.io/name: heddle
heddle.purpose: portal
{{- end }}

{{/* Host and port under which the portal answers. */}}
{{- define "heddle.host" -}}
{{ trimPrefix "https://" .Values.publicUrl }}
{{- end }}

{{/* A question to the portal, as a probe: it answers under its public name only. */}}
{{- define "heddle.question" -}}
httpGet:
  path: {{ .path }}
  port: portal
  scheme: {{ ternary "HTTPS" "HTTP" (not (empty .root.Values.tls.secretName)) }}
  httpHeaders:
    - name: Host
      value: {{ include "heddle.host" .root | quote }}
{{- end }}
