// Package image knows what names a container image: the reference grammar of
// the OCI distribution specification, and the places in a Helm release's values
// where such a name is found.
package image

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
)

// tagGrammar is what the OCI distribution specification takes as a tag, for
// messages.
const tagGrammar = "1 to 128 of A-Z a-z 0-9 _ . -, the first no . or -"

// Repository is a repository of a registry in its normal form: the host and the
// path in lower case, Docker Hub's short names in full, https's port left out.
// Two repositories are the same if they are equal.
type Repository struct {
	// Host is the registry, with the port where it is not the default.
	Host string
	// Path is the repository's name at that registry, owner included.
	Path string
}

// String returns host/path.
func (r Repository) String() string {
	return r.Host + "/" + r.Path
}

// Reference is what names an image within a repository.
type Reference struct {
	Repository Repository
	// Tag is empty where the reference has a digest only.
	Tag string
	// Digest is empty where the reference has none.
	Digest string
}

// DefaultTag is the tag that every client of the distribution protocol takes where
// neither a tag nor a digest is named.
const DefaultTag = "latest"

// String returns host/path:tag@digest, or what there is of it.
func (r Reference) String() string {
	s := ""
	if r.Repository != (Repository{}) {
		s = r.Repository.String()
	}
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + r.Digest
	}
	return s
}

// ParseRepository reads a repository without tag or digest, as ImageRepositories
// and charts' values have it: git.oleks.space/oleks/app, nginx.
func ParseRepository(s string) (Repository, error) {
	ref, err := Parse(s)
	if err != nil {
		return Repository{}, err
	}
	if ref.Tag != "" || ref.Digest != "" {
		return Repository{}, fmt.Errorf("%s is an image, want a repository without tag and digest", Quote(s))
	}
	return ref.Repository, nil
}

// Parse reads an image reference by the grammar of the OCI distribution
// specification. Unlike the grammar it takes upper case in the repository, which
// registries of the kind that pins are made for read as lower case. A reference
// without tag and digest is returned as it is: with neither.
func Parse(s string) (Reference, error) {
	if len(s) > maxReference {
		return Reference{}, fmt.Errorf("%s is longer than any image reference", Quote(s))
	}
	name, suffix := splitName(s)
	named, err := reference.ParseNormalizedNamed(lower(name) + suffix)
	if err == nil && reference.Domain(named) == "" {
		err = errHost // what stands for the host cannot be one
	}
	if err != nil {
		return Reference{}, fmt.Errorf("%s is not an image reference, want host/path:tag", Quote(s))
	}
	ref := Reference{Repository: Repository{Host: reference.Domain(named), Path: reference.Path(named)}}
	// Some names are those of a host only because of the port behind them.
	if host, isDefault := strings.CutSuffix(ref.Repository.Host, ":443"); isDefault && HasHost(host+"/") {
		ref.Repository.Host = host
	}
	if tagged, ok := named.(reference.Tagged); ok {
		ref.Tag = tagged.Tag()
	}
	if digested, ok := named.(reference.Digested); ok {
		ref.Digest = digested.Digest().String()
	}
	return ref, nil
}

// parseTolerant reads a reference. Where what stands behind the @ is no digest, that is the
// second result and the digest is left out, for the tag before it is still needed.
func parseTolerant(s string) (ref Reference, badDigest, err error) {
	ref, err = Parse(s)
	head, digest, found := strings.Cut(s, "@")
	if err == nil || !found {
		return ref, nil, err
	}
	if ref, headErr := Parse(head); headErr == nil && ref.Tag != "" {
		return ref, checkDigest(digest), nil
	}
	return Reference{}, nil, err
}

// CheckTag returns an error that says what a tag is, unless s is one.
func CheckTag(s string) error {
	if match := reference.TagRegexp.FindString(s); match == "" || match != s {
		return fmt.Errorf("%s is not a tag, want %s", Quote(s), tagGrammar)
	}
	return nil
}

// checkDigest returns an error unless s is a digest such as sha256:….
func checkDigest(s string) error {
	if _, err := digest.Parse(s); err != nil {
		return fmt.Errorf("%s is not a digest, want sha256: and 64 hexadecimal digits", Quote(s))
	}
	return nil
}

// errHost is why a host that an image reference could not have is refused.
var errHost = errors.New("want a registry's host name as image references have it, " +
	"such as git.example.com or localhost:5000")

// ParseHost reads a registry's host and returns its normal form.
func ParseHost(s string) (string, error) {
	ref, err := Parse(s + "/x")
	if err != nil || ref.Repository.Path != "x" {
		return "", errHost
	}
	return ref.Repository.Host, nil
}

// ParsePath reads a repository's path below its host, or the first segments of
// one, and returns its normal form.
func ParsePath(s string) (string, error) {
	repository, err := ParseRepository("localhost/" + s)
	if err != nil {
		return "", errors.New("want a path as image references have it, such as team or team/app")
	}
	return repository.Path, nil
}

// Shorten cuts a text that messages repeat, so that nobody can fill the report
// with it.
func Shorten(s string) string {
	if len(s) > maxQuote {
		return strings.ToValidUTF8(s[:maxQuote], "") + "…"
	}
	return s
}

// Quote is a text in quotes, cut where it is long.
func Quote(s string) string {
	return strconv.Quote(Shorten(s))
}

// lower changes A-Z to lower case, and no other letters: the grammar has none.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, s)
}

// splitName cuts a reference before its tag or digest.
func splitName(s string) (name, suffix string) {
	end := len(s)
	if at := strings.IndexByte(s, '@'); at >= 0 {
		end = at
	}
	if colon := strings.LastIndexByte(s[:end], ':'); colon > strings.LastIndexByte(s[:end], '/') {
		end = colon
	}
	return s[:end], s[end:]
}

// HasHost reports whether the reference names its registry, by the rule that
// distinguishes docker.io/library/nginx from library/nginx.
func HasHost(s string) bool {
	host, _, found := strings.Cut(s, "/")
	return found && (strings.ContainsAny(host, ".:") || host == "localhost")
}
