// Package testbed has what tests with real Flux controllers and a real registry are made of:
// clusters, a stand-in for kubelets, the CI that pushes images, and the chart and manifests of
// releases. It reports errors, and does not depend on tests.
package testbed

// OwnNamespace is pinsync's namespace.
const OwnNamespace = "pinsync-system"

// Pin is a line of the list.
func Pin(image, version string) string { return "container/" + image + "==" + version }
