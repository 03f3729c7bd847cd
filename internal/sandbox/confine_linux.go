package sandbox

import (
	"os"

	"golang.org/x/sys/unix"
)

// oomScore makes the kernel choose this process first when memory is short: 1000 is the most.
const oomScore = "1000"

// confine limits the data of the process to so many bytes. RLIMIT_DATA counts the private memory
// that can be written, which is what a Go program takes; RLIMIT_AS would count what it only reserves.
func confine(memory int) error {
	limit := uint64(memory)
	if err := unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return err
	}
	// Without /proc there is no score to raise; the limit holds all the same.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte(oomScore), 0o600)
	return nil
}
