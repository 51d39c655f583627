{{- define "restricted" -}}
runAsNonRoot: true
runAsUser: {{ .Values.user }}
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}
