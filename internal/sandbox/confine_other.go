//go:build !linux

package sandbox

// confine does nothing: the memory of a process can be limited so that it holds for Go on Linux
// alone. The limit of time holds everywhere.
func confine(int) error { return nil }
