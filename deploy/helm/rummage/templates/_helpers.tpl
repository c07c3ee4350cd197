{{- define "rummage.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name }}{{ end -}}
{{- end }}

{{- define "rummage.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "rummage.selector" -}}
app.kubernetes.io/name: rummage
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "rummage.labels" -}}
{{ include "rummage.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "rummage.hub" -}}
{{- if .Values.agents.hub }}{{ .Values.agents.hub }}
{{- else }}https://{{ include "rummage.name" . }}-hub.{{ .Release.Namespace }}.svc:7381{{ end -}}
{{- end }}

{{- /* What makes pods may be read, by who watches the cluster: the hub or the cluster's agent. */}}
{{- define "rummage.watched" -}}
- apiGroups: [""]
  resources: [pods, nodes]
  verbs: [list, watch]
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets, controllerrevisions]
  verbs: [list, watch]
- apiGroups: [batch]
  resources: [cronjobs]
  verbs: [list, watch]
{{- /* What owns pods for somebody else is asked for where it comes after its pod. */}}
- apiGroups: ["", apps, batch]
  resources: [replicationcontrollers, replicasets, jobs]
  verbs: [get, list, watch]
{{- if .Values.kubernetes.openshift }}
- apiGroups: [apps.openshift.io]
  resources: [deploymentconfigs]
  verbs: [list, watch]
- apiGroups: [build.openshift.io]
  resources: [builds]
  verbs: [get, list, watch]
- apiGroups: [image.openshift.io]
  resources: [imagestreams, images]
  verbs: [list, watch]
{{- end }}
{{- range .Values.kubernetes.kinds }}
{{- $at := splitList "/" . }}
- apiGroups: [{{ index $at 0 | quote }}]
  resources: [{{ last $at }}]
  verbs: [list, watch]
{{- end }}
{{- end }}

{{- /* Further settings, of a map of names. */}}
{{- define "rummage.env" -}}
{{- range $name, $value := . }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}

{{- /* How an agent, on a node or of the cluster, knows its hub, and is known there. */}}
{{- define "rummage.agent.env" -}}
- {name: RUMMAGE_NODE_HUB, value: {{ include "rummage.hub" . | quote }}}
- {name: RUMMAGE_NODE_CLUSTER, value: {{ .Values.clusterName | quote }}}
- {name: RUMMAGE_NODE_TOKEN_FILE, value: /etc/rummage/agent/token}
{{- if .Values.agents.ca }}
- {name: RUMMAGE_NODE_CA_CERT, value: /etc/rummage/agent/ca.crt}
{{- end }}
- name: RUMMAGE_NODE_HUB_FINGERPRINT
  valueFrom:
    secretKeyRef: {name: {{ .Values.agents.tokenSecret }}, key: fingerprint, optional: true}
{{- end }}

{{- /* What no schema can say of one value is said here, before anything is made. */}}
{{- define "rummage.refuse" -}}
{{- $v := .Values }}
{{- if and $v.hub.enabled (not $v.hub.storeSecret) (gt (int $v.hub.replicas) 1) }}
{{- fail "hub.replicas: several hubs share a PostgreSQL, which hub.storeSecret names" }}
{{- end }}
{{- if and $v.hub.enabled $v.hub.storeSecret (not $v.hub.tlsSecret) }}
{{- fail "hub.storeSecret: without a volume of its own a hub cannot keep a certificate that it made; hub.tlsSecret names one (kubernetes.io/tls)" }}
{{- end }}
{{- if and $v.admission.enabled (not (and $v.hub.enabled $v.kubernetes.enabled)) }}
{{- fail "admission.enabled needs hub.enabled and kubernetes.enabled: the hub answers, and writes its certificate into the webhook" }}
{{- end }}
{{- if and $v.cluster.enabled $v.hub.enabled $v.kubernetes.enabled }}
{{- fail "cluster.enabled: this chart's hub watches the cluster by itself; hub.enabled=false or kubernetes.enabled=false" }}
{{- end }}
{{- if and (or $v.node.enabled $v.cluster.enabled) (not $v.hub.enabled) (not $v.agents.hub) }}
{{- fail "agents.hub says where the hub is, which is not this chart's: https://HOST:PORT" }}
{{- end }}
{{- if and $v.node.enforce (not $v.node.execs) }}
{{- fail "node.enforce needs node.execs" }}
{{- end }}
{{- end }}
