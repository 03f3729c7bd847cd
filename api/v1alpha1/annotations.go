package v1alpha1

// Annotations that people set.
const (
	// SyncAnnotation, on a Namespace or a HelmRelease, is SyncEnabled or
	// SyncDisabled. A release's own wins over its namespace's, and without
	// either the configuration's namespaceDefault holds. Any other value is
	// reported and taken as SyncEnabled.
	SyncAnnotation = Group + "/sync"

	// ImagePoliciesAnnotation, on a HelmRelease, names ImagePolicies to link
	// besides those that are found: name or namespace/name, separated by commas.
	ImagePoliciesAnnotation = Group + "/image-policies"

	// SyncEnabled protects the releases that it is set for.
	SyncEnabled = "enabled"

	// SyncDisabled leaves the releases that it is set for to the cleaner.
	SyncDisabled = "disabled"
)
