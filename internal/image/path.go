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
	// last is the key of this step; empty for a position in a list, which index has then.
	last  string
	index int
	// hint is the nearest key that is more than `image`, up to this step.
	hint string
}

// isKey is the index of a step that is no position in a list.
const isKey = -1

// field is the place of a key below p.
func (p *path) field(key string) *path {
	next := &path{root: p.root, parent: p, last: key, index: isKey, hint: p.hint}
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
	return &path{root: p.root, parent: p, index: i, hint: p.hint}
}

// segment is this step as it is printed, with its dot or brackets.
func (p *path) segment() string {
	switch {
	case p.index != isKey:
		return "[" + strconv.Itoa(p.index) + "]"
	case isPlain(p.last):
		return "." + p.last
	default:
		return "[" + strconv.Quote(p.last) + "]"
	}
}

// String prints the path; of one that is too long, the root and the end.
func (p *path) String() string {
	var segments []string
	length := 0
	at := p
	for ; at.parent != nil; at = at.parent {
		segment := at.segment()
		if length += len(segment); length > maxPath {
			break
		}
		segments = append(segments, segment)
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
