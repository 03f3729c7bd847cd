package local

import (
	"context"
	"fmt"
	"net"
)

// FreeAddress returns an address of this machine on which no program listens.
func FreeAddress(ctx context.Context) (string, error) { return freeAddress(ctx, "127.0.0.1") }

func freeAddress(ctx context.Context, host string) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", fmt.Errorf("finding a free address: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}
