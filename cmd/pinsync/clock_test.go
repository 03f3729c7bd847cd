package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// front is a server in front of the API server, which answers with a clock of its own.
type front struct {
	mu sync.Mutex
	// date is the Date header of its answers; empty, they have none.
	date func() string
}

// setDate sets the Date header of answers from now on.
func (f *front) setDate(date func() string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.date = date
}

// ahead is the Date header of a clock that is that far ahead.
func ahead(by time.Duration) func() string {
	return func() string { return time.Now().Add(by).UTC().Format(http.TimeFormat) }
}

// text is a Date header that is always the same.
func text(date string) func() string { return func() string { return date } }

// behind lets export read through a server in front of the API server.
func (e *exports) behind(config *rest.Config) *front {
	e.t.Helper()
	f := &front{date: ahead(0)}
	target, err := url.Parse(config.Host)
	localtest.Must(e.t, err)
	transport, err := rest.TransportFor(config)
	localtest.Must(e.t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = transport
	proxy.ModifyResponse = func(response *http.Response) error {
		response.Header.Del("Date")
		return nil
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		date := f.date()
		f.mu.Unlock()
		w.Header()["Date"] = nil // else the server adds one
		if date != "" {
			w.Header().Set("Date", date)
		}
		proxy.ServeHTTP(w, r)
	}))
	e.t.Cleanup(server.Close)
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters["front"] = &clientcmdapi.Cluster{Server: server.URL}
	kubeconfig.Contexts["front"] = &clientcmdapi.Context{Cluster: "front"}
	kubeconfig.CurrentContext = "front"
	e.kubeconfig = filepath.Join(e.t.TempDir(), "front")
	localtest.Must(e.t, clientcmd.WriteToFile(*kubeconfig, e.kubeconfig))
	return f
}

// syncedAt sets when a list was last known to be current.
func syncedAt(at time.Time) func(*corev1.ConfigMap) {
	return func(o *corev1.ConfigMap) {
		o.Annotations["pinsync.oleks.space/synced-at"] = at.UTC().Format(time.RFC3339)
	}
}

// The age of a list is that by the API server's clock, and by this host's only where the API
// server does not say what time it is.
func TestAgeIsMeasuredByTheAPIServersClock(t *testing.T) {
	e := newExports(t)
	f := e.behind(e.config)
	e.publish("now", "registry-pins", nil, "staging")
	e.publish("before", "registry-pins", syncedAt(time.Now().Add(-time.Hour)), "staging")
	for name, test := range map[string]struct {
		date        func() string
		now, before string
	}{
		"the same clock":       {ahead(0), "", "ago, which is more than 15m0s"},
		"it is ahead":          {ahead(time.Hour), "ago, which is more than 15m0s", "2h0m"},
		"it is behind":         {ahead(-time.Hour), "in the future: is the clock right?", ""},
		"it does not say":      {text(""), "", "ago, which is more than 15m0s"},
		"it cannot be read":    {text("yesterday"), "", "ago, which is more than 15m0s"},
		"it is another format": {text(time.Now().Add(time.Hour).Format(time.RFC3339)), "", "ago, which is more than 15m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			e.t = t
			f.setDate(test.date)
			for namespace, want := range map[string]string{"now": test.now, "before": test.before} {
				if want != "" {
					e.refuses(3, want, "--pinsync-namespace", namespace)
				} else if code, out, errOut := e.run("--pinsync-namespace", namespace); code != 0 || out != "container/app==staging\n" {
					t.Errorf("%s: exit code %d, printed %q and %q", namespace, code, out, errOut)
				}
			}
		})
	}
	e.t = t
}
