package pinlist

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Static is what somebody keeps in a file by hand, to be kept by the cleaner, too.
type Static struct {
	// Name is the file's; empty, there is none.
	Name         string
	Pins, Images []string
}

// ReadStatic reads a file of pins or, for a format that names images, of images
// host/path:tag: one a line, with blank lines, and comments that begin with # at the
// beginning of a line or behind a blank. Its error names the file, the line and what is wrong
// with it.
func ReadStatic(r io.Reader, name string, format Format) (*Static, error) {
	s := &Static{Name: name}
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		if strings.ContainsRune(strings.TrimSuffix(line, "\r"), '\r') {
			return nil, fmt.Errorf("%s: line %d: %w", name, number, errLineEnd)
		}
		if number == 1 {
			line = strings.TrimPrefix(line, byteOrderMark)
		}
		if err := s.add(withoutComment(line), format); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", name, number, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// byteOrderMark is what some editors begin a file with.
const byteOrderMark = "\ufeff"

// withoutComment cuts a comment, and blanks.
func withoutComment(line string) string {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			line = line[:i]
			break
		}
	}
	return strings.TrimSpace(line)
}

// errLineEnd is why a file whose lines nobody parts is not read: all behind the first
// comment would be one.
var errLineEnd = errors.New("ends with a carriage return alone, want lines that end with a line feed")

func (s *Static) add(line string, format Format) error {
	if line == "" {
		return nil
	}
	if !format.NamesImages() {
		s.Pins = append(s.Pins, spellings(line, "==")...)
		return pin.Check(line)
	}
	ref, err := image.Parse(line)
	if err != nil {
		return err
	}
	if ref.Tag == "" || ref.Digest != "" {
		return fmt.Errorf("%s is not an image with a tag, want host/path:tag", image.Quote(line))
	}
	s.Images = append(s.Images, spellings(ref.String(), ":")...)
	return nil
}

// spellings returns a line with its tag as it may be stored, as it is in the list: in lower case, too.
func spellings(line, separator string) []string {
	tag := max(0, strings.LastIndex(line, separator))
	if lower := line[:tag] + strings.ToLower(line[tag:]); lower != line {
		return []string{line, lower}
	}
	return []string{line}
}
