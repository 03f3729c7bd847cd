package charts

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/opencontainers/go-digest"

	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/budget"
)

// fetchTimeout is how long a download may take.
const fetchTimeout = 15 * time.Second

// Fetcher downloads artifacts, and keeps those that were used last, so that the releases of one chart
// do not fetch it one by one. It is not safe for concurrent use.
type Fetcher struct {
	client http.Client
	// kept are the last artifacts, the last one at the end.
	kept []download
	size int
}

type download struct {
	digest string
	bytes  []byte
}

// NewFetcher returns a Fetcher.
func NewFetcher() *Fetcher {
	return &Fetcher{client: http.Client{
		Timeout: fetchTimeout,
		// What Flux serves redirects nowhere, and the URL is in a status that tenants may be able to write.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Fetch returns the bytes of an artifact, whose digest was verified.
func (f *Fetcher) Fetch(ctx context.Context, artifact *flux.Artifact) ([]byte, error) {
	for i := range f.kept {
		if f.kept[i].digest == artifact.Digest {
			return f.kept[i].bytes, nil
		}
	}
	wanted, err := digest.Parse(artifact.Digest)
	if err != nil {
		return nil, fmt.Errorf("the artifact's digest %q: %w", artifact.Digest, err)
	}
	content, err := f.download(ctx, artifact.URL)
	if err != nil {
		return nil, err
	}
	if got := wanted.Algorithm().FromBytes(content); got != wanted {
		return nil, fmt.Errorf("the artifact has digest %s, and %s is wanted", got, wanted)
	}
	f.keep(download{artifact.Digest, content})
	return content, nil
}

func (f *Fetcher) download(ctx context.Context, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("the artifact's URL %q is not one of HTTP", address)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := f.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", address, response.Status)
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, budget.ChartBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("GET %s: %w", address, err)
	case len(content) > budget.ChartBytes:
		return nil, budget.Exceeded(budget.ChartBytes, "bytes of an artifact")
	default:
		return content, nil
	}
}

// keep keeps a download, and drops the oldest ones beyond the budget.
func (f *Fetcher) keep(d download) {
	f.kept, f.size = append(f.kept, d), f.size+len(d.bytes)
	for f.size > budget.ChartsKept {
		f.size -= len(f.kept[0].bytes)
		f.kept = f.kept[1:]
	}
}

// Drop drops what is kept: nobody needs a chart soon.
func (f *Fetcher) Drop() { f.kept, f.size = nil, 0 }
