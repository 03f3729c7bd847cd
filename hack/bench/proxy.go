package main

import (
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// proxy forwards requests to the API server and counts them by verb and resource.
type proxy struct {
	// kubeconfig is a file for clients of the proxy.
	kubeconfig string
	stop       func()

	mu       sync.Mutex
	requests map[string]int
}

// startProxy starts a proxy with the administrator's permissions.
func (b *bench) startProxy() (*proxy, error) {
	transport, err := rest.TransportFor(b.config)
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(b.config.Host)
	if err != nil {
		return nil, err
	}
	p := &proxy{kubeconfig: filepath.Join(b.folder, "kubeconfig-proxy"), requests: map[string]int{}}
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not block
	if err != nil {
		return nil, err
	}
	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: &httputil.ReverseProxy{
			Transport:     transport,
			FlushInterval: -1, // the events of a watch are forwarded immediately
			Rewrite: func(r *httputil.ProxyRequest) {
				p.count(r.In)
				r.SetURL(target)
			},
		},
	}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			b.fail(err)
		}
	}()
	p.stop = func() {
		_ = server.Close()          // no client uses it any more
		_ = os.Remove(p.kubeconfig) // a file that is left does no harm
	}
	return p, clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"proxy": {Server: "http://" + listener.Addr().String()}},
		Contexts:       map[string]*clientcmdapi.Context{"proxy": {Cluster: "proxy"}},
		CurrentContext: "proxy",
	}, p.kubeconfig)
}

func (p *proxy) count(request *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests[nameOf(request.Method, request.URL)]++
}

// reset returns the counts and sets them to zero.
func (p *proxy) reset() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	counted := p.requests
	p.requests = map[string]int{}
	return counted
}

// nameOf returns the verb and the resource of a request: `watch helmreleases`.
func nameOf(method string, u *url.URL) string {
	// /api/v1/… or /apis/GROUP/VERSION/…
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	before := map[string]int{"api": 2, "apis": 3}[parts[0]]
	if before == 0 || len(parts) <= before {
		return "get discovery"
	}
	parts = parts[before:]
	if parts[0] == "namespaces" && len(parts) > 2 {
		parts = parts[2:]
	}
	verb := map[string]string{
		http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete",
	}[method]
	switch {
	case verb != "":
	case u.Query().Get("watch") == "true" || u.Query().Get("watch") == "1":
		verb = "watch"
	case len(parts) > 1:
		verb = "get"
	default:
		verb = "list"
	}
	return verb + " " + parts[0]
}
