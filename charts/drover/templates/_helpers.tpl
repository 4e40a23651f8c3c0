{{- define "drover.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* Of all objects. A release that has the chart's name in its own does not repeat it. */}}
{{- define "drover.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "drover.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "drover.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* Of what is not in a namespace: two releases in two namespaces may have one name. */}}
{{- define "drover.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "drover.fullname" .) }}
{{- end }}

{{- define "drover.selectorLabels" -}}
app.kubernetes.io/name: {{ include "drover.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "drover.testLabels" -}}
app.kubernetes.io/name: {{ include "drover.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: test
{{- end }}

{{- define "drover.labels" -}}
{{- include "drover.labelsAnd" (list . dict) }}
{{- end }}

{{- /* And those of a value. The chart's own have the last word, as selectors go by them. */}}
{{- define "drover.labelsAnd" -}}
{{- include "drover.allLabels" (list (index . 0) (include "drover.selectorLabels" (index . 0)) (index . 1)) }}
{{- end }}

{{- define "drover.allLabels" -}}
{{- $given := index . 2 }}
{{- $own := index . 1 | fromYaml }}
{{- with index . 0 }}
{{- $_ := set $own "app.kubernetes.io/version" .Chart.AppVersion }}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service }}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") }}
{{- toYaml (merge $own $given .Values.commonLabels) }}
{{- end }}
{{- end }}

{{- define "drover.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "drover.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "drover.image" -}}
{{- with .Values.image }}
{{- if .digest }}
{{- printf "%s@%s" .repository .digest }}
{{- else }}
{{- printf "%s:%s" .repository (default $.Chart.AppVersion .tag) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* At most 52: a StatefulSet's pods have a label of its name and a hash, of 63 characters at most. */}}
{{- define "drover.gateway.fullname" -}}
{{- printf "%s-gateway" (include "drover.fullname" . | trunc 44 | trimSuffix "-") }}
{{- end }}

{{- define "drover.gateway.selectorLabels" -}}
app.kubernetes.io/name: {{ include "drover.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: gateway
{{- end }}

{{- define "drover.gateway.labels" -}}
{{- include "drover.gateway.labelsAnd" (list . dict) }}
{{- end }}

{{- define "drover.gateway.labelsAnd" -}}
{{- include "drover.allLabels" (list (index . 0) (include "drover.gateway.selectorLabels" (index . 0)) (index . 1)) }}
{{- end }}

{{- define "drover.gateway.serviceAccountName" -}}
{{- with .Values.gateway.serviceAccount }}
{{- if .create }}
{{- default (include "drover.gateway.fullname" $) .name }}
{{- else }}
{{- .name }}
{{- end }}
{{- end }}
{{- end }}

{{- define "drover.gateway.kafka" -}}
{{- required "gateway.kafka.bootstrapServers is missing: the gateway needs the host:port of a Kafka. Without a gateway: gateway.enabled=false" (default (first .Values.kafka.allowedBrokers) .Values.gateway.kafka.bootstrapServers) }}
{{- end }}

{{- /* The Secret with tokens.yaml; "" where everybody may do everything. */}}
{{- define "drover.gateway.tokensSecret" -}}
{{- with .Values.gateway.tokens }}
{{- if .existingSecret }}
{{- .existingSecret }}
{{- else if not .everybodyMayDoEverything }}
{{- include "drover.gateway.fullname" $ }}-tokens
{{- end }}
{{- end }}
{{- end }}

{{- /* The Secret with the database's URL; "" for SQLite in the volume. */}}
{{- define "drover.gateway.databaseSecret" -}}
{{- with .Values.gateway.database }}
{{- if .existingSecret }}
{{- .existingSecret }}
{{- else if .url }}
{{- include "drover.gateway.fullname" $ }}-database
{{- end }}
{{- end }}
{{- end }}

{{- define "drover.gateway.scheme" -}}
{{- ternary "https" "http" (not (empty .Values.gateway.tls.secretName)) }}
{{- end }}

{{- /* Of a queue, from what gateways and what sidecars measure, in this order: a gateway calls it <namespace>.<name>. */}}
{{- define "drover.gatewayOrSidecars" -}}
(
  label_replace(label_replace(
    {{ index . 0 }},
  "namespace", "$1", "queue", "([^.]+)[.].+"), "queue", "$1", "queue", "[^.]+[.](.+)")
  or
  {{ index . 1 }}
)
{{- end }}

{{- /* Where people read what to do about an alert. */}}
{{- define "drover.runbook" -}}
runbook_url: {{ printf "%s#%s" (index . 0).runbookUrl (index . 1 | lower) }}
{{- end }}

{{- define "drover.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "drover.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* What the operator does in the namespaces that it watches. tests/cluster/test_chart.py sees that it needs each. */}}
{{- define "drover.rules" -}}
- apiGroups: [drover.dev]
  resources: [jobqueues]
  verbs: [list, watch, patch]
- apiGroups: [drover.dev]
  resources: [jobqueues/status]
  verbs: [patch]
# What it makes is owned by the JobQueue, whose deletion waits for it: the admission plugin
# OwnerReferencesPermissionEnforcement, where it is on, asks for this.
- apiGroups: [drover.dev]
  resources: [jobqueues/finalizers]
  verbs: [update]
# A server-side apply of what is not there yet takes both verbs.
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [configmaps, serviceaccounts]
  verbs: [create, patch]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [create, patch]
{{- if .Values.sidecar.podMonitors }}
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors]
  verbs: [create, patch]
{{- end }}
- apiGroups: [""]
  resources: [pods]
  verbs: [list, patch]
# By name only, the one that a JobQueue names.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
