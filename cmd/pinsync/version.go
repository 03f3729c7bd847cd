package main

import "runtime/debug"

// release is the version that a release build sets with -ldflags -X.
var release string //nolint:gochecknoglobals // the linker sets it

// version returns the version of the release build, or the module's version.
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
