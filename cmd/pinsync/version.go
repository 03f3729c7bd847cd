package main

import "runtime/debug"

// release is the version that a release build stamps with -ldflags -X.
var release string //nolint:gochecknoglobals // the linker sets it

// version is the stamped version, or what Go knows of the module.
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
