// Package v1alpha1 is pinsync's public contract: the names, keys, annotations
// and documents that users, registry cleaners and other tools rely on. It holds
// no behaviour.
package v1alpha1

const (
	// Group is the API group of pinsync's documents, and the prefix of every
	// annotation and label that it reads or writes.
	Group = "pinsync.oleks.space"

	// APIVersion is the apiVersion of the documents of this package.
	APIVersion = Group + "/v1alpha1"
)
