package v1alpha1

// ConfigurationKind is the kind of the configuration file.
const ConfigurationKind = "Configuration"

// Configuration is the file that `--config` names. A field that is absent has
// its default; a field that is not listed here is an error.
type Configuration struct {
	// APIVersion is pinsync.oleks.space/v1alpha1.
	APIVersion string `json:"apiVersion"`

	// Kind is Configuration.
	Kind string `json:"kind"`

	// Registries are those whose images are pinned. Empty: every image is.
	Registries []Registry `json:"registries,omitempty"`

	// ConfigMapName is the ConfigMap that the list is written to, in the
	// controller's own namespace. Default: registry-pins.
	ConfigMapName string `json:"configMapName,omitempty"`

	// NamespaceDefault sets whether releases are protected where no annotation
	// does: enabled or disabled. Default: enabled.
	NamespaceDefault string `json:"namespaceDefault,omitempty"`

	// Releases sets which releases are protected: Suspended, or All for a cleaner
	// that does not see the live ones. Default: Suspended.
	Releases string `json:"releases,omitempty"`

	// SecretValues sets what becomes of valuesFrom entries of kind Secret: Ignore,
	// and the release's report has a problem, or Read. Default: Ignore.
	SecretValues string `json:"secretValues,omitempty"`

	// Charts sets whether the charts of protected releases are rendered to find the images that only
	// they name: Read, or Ignore, and the report has a problem. Default: Read.
	Charts string `json:"charts,omitempty"`

	// MissingHelmCharts sets what becomes of the HelmChart that Flux makes of a release only when it is
	// resumed, because the release was created suspended: Ignore, and the release's report has a problem,
	// or Create, so that Flux fetches the chart. The component request-charts sets it. Default: Ignore.
	MissingHelmCharts string `json:"missingHelmCharts,omitempty"`

	// CrossNamespaceRefs sets whether a release may take its chart from another namespace: Allow, or
	// Deny where Flux's controllers run with --no-cross-namespace-refs. Default: Allow.
	CrossNamespaceRefs string `json:"crossNamespaceRefs,omitempty"`

	// RenderTimeout is how long rendering one chart may take, as a Go duration of at least 1s. Beyond it,
	// the chart's defaults are searched. Default: 10s.
	RenderTimeout string `json:"renderTimeout,omitempty"`

	// RenderMemory is how much memory rendering one chart may take, as a Kubernetes quantity from 64Mi to
	// 4Gi. Beyond it, the chart's defaults are searched. Whoever raises it must raise the memory limit of
	// the Deployment's container by as much. Default: 128Mi.
	RenderMemory string `json:"renderMemory,omitempty"`

	// Tags sets which tags are pinned: Referenced, every one that a protected
	// release refers to or its policies resolve, or Floating, only those that an
	// ImagePolicy follows. Default: Referenced.
	Tags string `json:"tags,omitempty"`

	// Hold sets when a pin that is not needed any more is removed.
	Hold HoldConfiguration `json:"hold,omitzero"`

	// Heartbeat is how old the list's synced-at may become before it is
	// renewed without any other change, as a Go duration of at least 1s.
	// Default: 5m.
	Heartbeat string `json:"heartbeat,omitempty"`
}

// Values of the configuration's fields.
const (
	ReleasesSuspended  = "Suspended"
	ReleasesAll        = "All"
	SecretValuesIgnore = "Ignore"
	SecretValuesRead   = "Read"
	ChartsRead         = "Read"
	ChartsIgnore       = "Ignore"
	HelmChartsIgnore   = "Ignore"
	HelmChartsCreate   = "Create"
	RefsAllow          = "Allow"
	RefsDeny           = "Deny"
	TagsReferenced     = "Referenced"
	TagsFloating       = "Floating"
	ProofPods          = "Pods"
	ProofReady         = "Ready"
)

// HoldConfiguration sets when a pin that is not needed any more is removed.
type HoldConfiguration struct {
	// Grace is how long, without interruption, every release that needed the pin
	// must have been shown to be live, or to do without it: a Go duration of at
	// least 1s, longer than one run of the cleaner. Default: 1h.
	Grace string `json:"grace,omitempty"`

	// Proof is what shows that a resumed release is live: Ready, its condition at
	// its current generation, or Pods, that and a pod that carries the tag.
	// Default: Pods.
	Proof string `json:"proof,omitempty"`
}

// Registry is a registry, or one owner's part of it.
type Registry struct {
	// Host is the registry's host name as image references have it, with the
	// port where there is one: git.oleks.space, localhost:5000.
	Host string `json:"host"`

	// Owner limits the entry to the images below this path, and is left out
	// of the pin's name: oleks. Without it every image of the host is meant,
	// and the first path segment is left out where there is more than one.
	Owner string `json:"owner,omitempty"`

	// Type is the first part of the pin. Default: container.
	Type string `json:"type,omitempty"`
}
