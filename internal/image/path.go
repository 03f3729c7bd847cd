package image

import (
	"slices"
	"strconv"
	"strings"

	"git.oleks.space/oleks/pinsync/internal/budget"
)

// path is a place in a release, linked to its parent so that a step down costs
// the same at any depth.
type path struct {
	root   string
	parent *path
	// segment is this step as it is printed, with its dot or brackets.
	segment string
	// last is the key of this step; empty for a position in a list.
	last string
	// hint is the nearest key that is more than `image`, up to this step.
	hint string
}

// field is the place of a key below p.
func (p *path) field(key string) *path {
	next := p.step("[" + strconv.Quote(key) + "]")
	if isPlain(key) {
		next = p.step("." + key)
	}
	next.last = key
	if !isImageKey(key) {
		next.hint = hintOf(key)
	}
	return next
}

// hintOf is a key as far as it can be like a policy's name.
func hintOf(key string) string {
	if len(key) > budget.Name {
		return ""
	}
	return key
}

// item is the place of the i-th element below p.
func (p *path) item(i int) *path {
	return p.step("[" + strconv.Itoa(i) + "]")
}

func (p *path) step(segment string) *path {
	return &path{root: p.root, parent: p, segment: segment, hint: p.hint}
}

// String prints the path; of one that is too long, the root and the end.
func (p *path) String() string {
	var segments []string
	length := 0
	at := p
	for at.parent != nil && length+len(at.segment) <= maxPath {
		segments = append(segments, at.segment)
		length += len(at.segment)
		at = at.parent
	}
	var b strings.Builder
	b.WriteString(p.root)
	if at.parent != nil {
		b.WriteString("…")
	}
	for _, segment := range slices.Backward(segments) {
		b.WriteString(segment)
	}
	return b.String()
}

// isPlain reports whether a key can be printed without quotes.
func isPlain(key string) bool {
	for _, r := range key {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
		default:
			return false
		}
	}
	return key != ""
}
