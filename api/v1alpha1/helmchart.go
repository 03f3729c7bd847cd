package v1alpha1

// RequestedByLabel is on each HelmChart that pinsync has made for a release that was created suspended,
// until helm-controller has taken it over. Its value is the namespace and the name of the list, joined by
// a dot.
const RequestedByLabel = Group + "/requested-by"
