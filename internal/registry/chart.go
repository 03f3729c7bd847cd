package registry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// chartPackage is a version of a chart, which Gitea keeps as a package of its owner.
type chartPackage struct {
	repository image.Repository
	version    string
	// isPlain is set if the host is spoken to without TLS.
	isPlain bool
}

// url returns the address of a file of the chart's repository.
func (p *chartPackage) url(file func(name string) string) string {
	owner, name, _ := strings.Cut(p.repository.Path, "/")
	at := url.URL{Scheme: "https", Host: p.repository.Host, Path: "/api/packages/" + owner + "/helm/" + file(name)}
	if p.isPlain {
		at.Scheme = "http"
	}
	return at.String()
}

// gzipped is how an archive begins.
const gzipped = "\x1f\x8b"

var errNoArchive = errors.New("it answers with something that is no archive of a chart, such as a page to log in")

// lookUpChart asks for the archive of a chart, and reads only how it begins: what stands in front of a
// registry may answer with a page. A 404 is only believed of a Helm repository, which has an index.
func lookUpChart(ctx context.Context, client *auth.Client, p chartPackage) (Answer, error) {
	archive := p.url(func(name string) string { return name + "-" + p.version + ".tgz" })
	begins, err := get(ctx, client, archive)
	if err == nil && begins != gzipped {
		err = errNoArchive
	}
	if statusOf(err) != http.StatusNotFound {
		return Answer{Status: v1alpha1.ImagePresent}, err
	}
	_, err = get(ctx, client, p.url(func(string) string { return "index.yaml" }))
	if statusOf(err) == http.StatusNotFound {
		err = errors.Join(errNotConfirmed, err)
	}
	return Answer{v1alpha1.ImageMissing, "the Helm repository has no such version"}, err
}

// get asks for a file, and returns its first bytes, as many as gzipped has.
func get(ctx context.Context, client *auth.Client, address string) (begins string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return "", err
	}
	request.Header.Set("Accept-Encoding", "identity") // else the client would undo the archive's own compression
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close() //nolint:errcheck // the rest is not read
	if response.StatusCode != http.StatusOK {
		return "", &errcode.ErrorResponse{Method: request.Method, URL: request.URL, StatusCode: response.StatusCode}
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, int64(len(gzipped))))
	return string(text), err
}
