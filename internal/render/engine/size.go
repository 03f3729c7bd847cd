package engine

import "bytes"

// What parsed templates take, in bytes, about: a set by itself, most of it for the names of functions; a file; an action;
// a word of it; and a part of a field's path.
const (
	setSize    = 40 << 10
	fileSize   = 1 << 10
	actionSize = 300
	wordSize   = 130
	partSize   = 24
)

// Size returns about how much memory the templates take, in bytes, besides the chart's files.
func (t *Templates) Size() int {
	if t.last == nil {
		return t.size
	}
	return t.size + setSize
}

// sizeOf returns about how much memory a file takes when it is parsed: its text twice, and its actions.
func sizeOf(text []byte) int {
	size := fileSize + 2*len(text)
	for i, after := range bytes.Split(text, []byte("{{")) {
		action, _, _ := bytes.Cut(after, []byte("}}"))
		if isComment := bytes.HasPrefix(bytes.TrimLeft(action, "- "), []byte("/*")); i > 0 && !isComment {
			size += actionSize + sizeOfAction(action)
		}
	}
	return size
}

// sizeOfAction counts what a word of an action begins with or behind, and the parts of fields' paths.
func sizeOfAction(action []byte) (size int) {
	for _, b := range action {
		switch b {
		case ' ', '\t', '\r', '\n', '|', '(', ',':
			size += wordSize
		case '.':
			size += partSize
		}
	}
	return size
}
