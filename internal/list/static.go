package list

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// Static is what somebody keeps in a file by hand, to be kept by the cleaner, too.
type Static struct {
	Pins, Images []string
}

// ReadStatic reads a file of pins or, for a format that names images, of images
// host/path:tag: one a line, with blank lines and comments that begin with #. Its error
// names the file, the line and what is wrong with it.
func ReadStatic(r io.Reader, name string, format Format) (*Static, error) {
	s := &Static{}
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := s.add(line, format); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", name, number, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

func (s *Static) add(line string, format Format) error {
	if !format.NamesImages() {
		s.Pins = append(s.Pins, line)
		return pin.Check(line)
	}
	ref, err := image.Parse(line)
	if err != nil {
		return err
	}
	if ref.Tag == "" || ref.Digest != "" {
		return fmt.Errorf("%s is not an image with a tag, want host/path:tag", image.Quote(line))
	}
	s.Images = append(s.Images, ref.String())
	return nil
}
