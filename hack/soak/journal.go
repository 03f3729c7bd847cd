package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxLines is how many lines of one subject are kept for the report of a loss.
const maxLines = 60

// journal records what happens: all in a file, and the last lines of each subject.
type journal struct {
	mu    sync.Mutex
	file  *os.File
	lines map[string][]string
}

func (s *soak) openJournal(context.Context) (*journal, error) {
	file, err := os.Create(filepath.Join(s.logs, "journal.log"))
	return &journal{file: file, lines: map[string][]string{}}, err
}

func (j *journal) close() error { return j.file.Close() }

// note records a line of a subject: a release, an image, the list, a process.
func (j *journal) note(subject, format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	line := time.Now().UTC().Format("15:04:05.000") + " " + subject + ": " + strings.TrimSpace(fmt.Sprintf(format, args...))
	fmt.Fprintln(j.file, line)
	j.lines[subject] = append(j.lines[subject], line)
	j.lines[subject] = j.lines[subject][max(0, len(j.lines[subject])-maxLines):]
}

// about returns the last lines of some subjects, in their order.
func (j *journal) about(subjects ...string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var lines []string
	for _, subject := range subjects {
		lines = append(lines, j.lines[subject]...)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
