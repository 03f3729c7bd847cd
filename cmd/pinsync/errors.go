package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
)

// describe returns an error in one line. What Kubernetes' client reports is replaced by what people
// need of it: the rest repeats the request.
func describe(err error) string {
	text := err.Error()
	if inner, ok := errors.AsType[*url.Error](err); ok {
		text = strings.Replace(text, inner.Error(), describeRequest(inner), 1)
	}
	if inner, ok := errors.AsType[*apierrors.StatusError](err); ok {
		text = strings.Replace(text, inner.Error(), describeStatus(inner), 1)
	}
	if inner, ok := errors.AsType[*apimeta.NoKindMatchError](err); ok {
		text = strings.Replace(text, inner.Error(), fmt.Sprintf("the cluster does not serve %s %s: is Flux 2.7 or later installed?",
			inner.GroupKind, strings.Join(inner.SearchedVersions, ", ")), 1)
	}
	return printable(text)
}

func describeRequest(err *url.Error) string {
	if err.Timeout() {
		return "the API server has not answered in time: see --request-timeout"
	}
	return "no connection to the API server: " + err.Err.Error()
}

func describeStatus(err *apierrors.StatusError) string {
	switch {
	case apierrors.IsForbidden(err):
		return describeForbidden(err.Error())
	case apierrors.IsUnauthorized(err):
		return "the API server does not accept the credentials of the kubeconfig"
	default:
		return err.Error()
	}
}

// describeForbidden shortens what the API server's authorizer reports, and keeps who may not do what
// where.
func describeForbidden(text string) string {
	parts := regexp.MustCompile(`User "([^"]+)" cannot (\S+) resource "([^"]+)" in API group "([^"]*)"(?: in the namespace "([^"]+)")?`).FindStringSubmatch(text)
	if parts == nil {
		return text
	}
	resource := strings.TrimSuffix(parts[3]+"."+parts[4], ".")
	where := "in all namespaces"
	if parts[5] != "" {
		where = "in namespace " + parts[5]
	}
	return fmt.Sprintf("forbidden: %s may not %s %s %s", parts[1], parts[2], resource, where)
}

// maxNames is how many names an error lists.
const maxNames = 4

// someOf returns names for an error.
func someOf(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	if more := len(names) - maxNames; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNames], ", "), more)
	}
	return strings.Join(names, ", ")
}

// nearTo returns those of some names that a mistyped one may mean, the nearest first.
func nearTo(name string, names []string) []string {
	distances := map[string]int{}
	for _, other := range names {
		distances[other] = editDistance(name, other)
		if strings.Contains(other, name) || strings.Contains(name, other) {
			distances[other] = min(distances[other], 1)
		}
	}
	near := slices.DeleteFunc(slices.Clone(names), func(other string) bool { return distances[other] > max(2, len(name)/4) })
	slices.SortFunc(near, func(a, b string) int { return cmp.Or(distances[a]-distances[b], strings.Compare(a, b)) })
	return near
}

// editDistance returns how many bytes must be inserted, removed or replaced to make one text of
// the other.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
