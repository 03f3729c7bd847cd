package local

import (
	"context"
	"fmt"
	"os/exec"
)

// EnterNetwork gives this process's network namespace, which must be a new one, the addresses
// of a node and of the API server's Service. It has no way out.
func EnterNetwork(ctx context.Context) error {
	for _, args := range [][]string{
		{"link", "set", "lo", "up"},
		{"address", "add", nodeAddress + "/32", "dev", "lo"},
		{"address", "add", serviceAddress + "/32", "dev", "lo"},
	} {
		if output, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil { //nolint:gosec // addresses of this package
			return fmt.Errorf("ip %v: %w: %s", args, err, output)
		}
	}
	return nil
}
