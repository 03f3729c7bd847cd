package published

import (
	"net/http"
	"net/url"
	"testing"

	"k8s.io/client-go/rest"
)

// Clusters with one URL have names of their own if different proxies or server names lead to them. A proxy's
// password is not in the name.
func TestNameOf(t *testing.T) {
	proxy := func(host string) func(*http.Request) (*url.URL, error) {
		return http.ProxyURL(&url.URL{Scheme: "socks5", Host: host, User: url.UserPassword("user", "secret")})
	}
	for want, config := range map[string]*rest.Config{
		"https://a:6443":                     {Host: "https://a:6443"},
		"https://a:6443 as one":              {Host: "https://a:6443", TLSClientConfig: rest.TLSClientConfig{ServerName: "one"}},
		"https://a:6443 through b:1080":      {Host: "https://a:6443", Proxy: proxy("b:1080")},
		"https://a:6443 as one through c:80": {Host: "https://a:6443", TLSClientConfig: rest.TLSClientConfig{ServerName: "one"}, Proxy: proxy("c:80")},
	} {
		if got := NameOf(config); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
