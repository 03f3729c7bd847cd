package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"git.oleks.space/oleks/pinsync/hack/local"
	"git.oleks.space/oleks/pinsync/hack/local/localtest"
)

// Metrics are served to clients that the API server authenticates and authorizes.
func TestMetricsAreProtected(t *testing.T) {
	d := deploy(t)
	address := localtest.FreeAddress(t)
	d.args = append(d.args, "--metrics-bind-address", address)
	localtest.Must(t, local.Load(t.Context(), d.client, "../../config/samples"))
	r := d.start()
	d.expect("true", "production", "staging")
	d.kubectl("create", "namespace", "monitoring")
	for _, account := range []string{"prometheus", "other"} {
		d.kubectl("-n", "monitoring", "create", "serviceaccount", account)
	}
	d.kubectl("create", "clusterrolebinding", "metrics", "--clusterrole=pinsync-metrics-reader", "--serviceaccount=monitoring:prometheus")

	// The certificate is self-signed when the process starts.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for account, want := range map[string]int{"": http.StatusUnauthorized, "other": http.StatusForbidden, "prometheus": http.StatusOK} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/metrics", nil)
		localtest.Must(t, err)
		if account != "" {
			request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(d.kubectl("-n", "monitoring", "create", "token", account)))
		}
		localtest.Until(t, func() (bool, string) {
			response, err := client.Do(request)
			if err != nil {
				return false, err.Error()
			}
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			isServed := strings.Contains(string(text), `pinsync_pins{state="Needed"} 2`)
			return err == nil && response.StatusCode == want && isServed == (want == http.StatusOK),
				fmt.Sprintf("%q gets %s, %v", account, response.Status, err)
		})
	}
	r.Stop()
	if strings.Contains(r.Log.String(), "forbidden") {
		t.Errorf("pinsync lacks a permission:\n%s", r.Log.String())
	}
}
