//go:build e2enode && linux

package e2enode

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// Every replica serves its metrics to a service account that may scrape them, and to nobody
// else.
func TestMetrics(t *testing.T) {
	w := newWorld(t)
	for _, account := range []string{"stranger", "prometheus"} {
		w.kubectl("-n", w.namespace, "create", "serviceaccount", account)
	}
	w.kubectl("create", "clusterrolebinding", w.namespace, "--clusterrole", "pinsync-metrics-reader", "--serviceaccount", w.namespace+":prometheus")
	token := func(account string) string {
		return strings.TrimSpace(w.kubectl("-n", w.namespace, "create", "token", account))
	}
	for _, pod := range w.controllers(t) {
		url := "https://" + pod.Status.PodIP + ":8443/metrics"
		for name, test := range map[string]struct {
			token  string
			status int
		}{
			"no token":               {"", http.StatusUnauthorized},
			"without permission":     {token("stranger"), http.StatusForbidden},
			"pinsync-metrics-reader": {token("prometheus"), http.StatusOK},
		} {
			status, body := scrape(t, url, test.token)
			if served := strings.Contains(body, "\npinsync_"); status != test.status || served != (test.status == http.StatusOK) {
				t.Errorf("%s, %s: status %d, want %d; metrics served: %t", pod.Name, name, status, test.status, served)
			}
		}
	}
}

// scrape requests metrics as Prometheus does.
func scrape(t *testing.T, url, token string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	localtest.Must(t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	scraper := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // as in config/prometheus
	defer scraper.CloseIdleConnections()
	response, err := scraper.Do(request)
	localtest.Must(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	localtest.Must(t, err)
	return response.StatusCode, string(text)
}
