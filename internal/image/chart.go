package image

import (
	"fmt"
	"net/url"
	"strings"
)

// chartScheme begins the host of a chart's repository: no image has such a host.
const chartScheme = "helm://"

// Chart returns the reference to a chart in a classic Helm repository that is one of Gitea's package
// registries, by the repository's URL: helm://host/owner/name:version. It is false where it is not, or
// where the name or the version cannot be that of a package.
func Chart(repositoryURL, name, version string) (Reference, bool) {
	at, err := url.Parse(repositoryURL)
	if err != nil {
		return Reference{}, false
	}
	path, isPackage := strings.CutPrefix(strings.TrimSuffix(at.Path, "/"), "/api/packages/")
	owner, isHelm := strings.CutSuffix(path, "/helm")
	if !isPackage || !isHelm {
		return Reference{}, false
	}
	host := at.Host
	if at.Scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	}
	ref, err := ParseChart(chartScheme + lower(host+"/"+owner) + "/" + name + ":" + version)
	return ref, err == nil
}

// ParseChart reads a reference of Chart, whose Digest is empty.
func ParseChart(s string) (Reference, error) {
	rest, hasScheme := strings.CutPrefix(s, chartScheme)
	colon := strings.LastIndexByte(rest, ':')
	if !hasScheme || colon < 0 {
		return Reference{}, fmt.Errorf("%s is not a chart, want %shost/owner/name:version", Quote(s), chartScheme)
	}
	repository, err := ParseRepository(rest[:colon])
	if err != nil || repository.String() != rest[:colon] || strings.Count(repository.Path, "/") != 1 {
		return Reference{}, fmt.Errorf("%s is not a chart: %s is not host/owner/name", Quote(s), Quote(rest[:colon]))
	}
	if err := CheckChartVersion(rest[colon+1:]); err != nil {
		return Reference{}, fmt.Errorf("%s is not a chart: %w", Quote(s), err)
	}
	repository.Host = chartScheme + repository.Host
	return Reference{Repository: repository, Tag: rest[colon+1:]}, nil
}

// IsChart reports whether ParseChart reads a text; of what has not even the scheme of one, at little cost.
func IsChart(s string) bool {
	if !strings.HasPrefix(s, chartScheme) {
		return false
	}
	_, err := ParseChart(s)
	return err == nil
}

// CheckChartVersion returns an error unless s can be the version of a chart: unlike a tag it may have +
// where a tag may have a dot.
func CheckChartVersion(s string) error {
	return CheckTag(strings.ReplaceAll(s, "+", "."))
}

// OfChart returns the repository that an image of a chart's owner and name would have, and whether this
// one is that of a chart.
func (r Repository) OfChart() (Repository, bool) {
	host, ok := strings.CutPrefix(r.Host, chartScheme)
	return Repository{Host: host, Path: r.Path}, ok
}
