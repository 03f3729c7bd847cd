package main

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"git.oleks.space/oleks/pinsync/hack/bench/fleet"
)

// artifactServer serves charts, as source-controller does.
type artifactServer struct {
	url      string
	stop     func()
	requests atomic.Int64
}

func serveArtifacts(ctx context.Context, charts []fleet.Chart) (*artifactServer, error) {
	archives := make(map[string][]byte, len(charts))
	for i := range charts {
		archives["/"+charts[i].Name] = charts[i].Archive
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &artifactServer{url: "http://" + listener.Addr().String()}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		archive, ok := archives[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(archive)
	})}
	s.stop = func() { _ = server.Close() }
	go server.Serve(listener) //nolint:errcheck // it is closed
	return s, nil
}

// reset returns the number of requests since the last reset.
func (s *artifactServer) reset() int { return int(s.requests.Swap(0)) }
