package main

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"time"
)

const (
	// cleanInterval is the time between two runs of the cleaner.
	cleanInterval = 3 * time.Second

	// exitRefused is the exit code of `pinsync export` when it refuses.
	exitRefused = 3

	// confirmAfter is how many times in a row the cleaner is refused since the list has shrunk
	// until a person confirms it.
	confirmAfter = 3
)

// clean runs the cleaner every few seconds until ctx is done.
func (s *soak) clean(ctx context.Context) error {
	shrunk := 0
	for pause(ctx, cleanInterval) {
		isConfirmed := shrunk >= confirmAfter
		if s.cleanOnce(ctx, isConfirmed) == shrunkList {
			shrunk++
		} else {
			shrunk = 0
		}
	}
	return nil
}

// shrunkList is the kind of the refusal that a person may confirm.
const shrunkList = "the list has shrunk"

// cleanOnce runs the cleaner once, and lets the witness check what it has deleted. It returns the
// kind of the refusal, if there was one.
func (s *soak) cleanOnce(ctx context.Context, isConfirmed bool) (refusal string) {
	began := time.Now()
	args := []string{
		"-gitea", "http://" + s.gitea.Host, "-owner", s.registry.Owner, "-token", s.tokenFile(), "-kubeconfig", s.cluster.Admin,
		"-pins", s.pinsFile(), "-limit", runLimit.String(), "--", s.pinsync, "export", "--kubeconfig", s.cluster.Reader,
		"--output-file", s.pinsFile(), "--state", s.stateFile(), "--wait", exportWait.String(),
	}
	if isConfirmed {
		args = append(args, "--max-shrink", "100")
	}
	command := exec.CommandContext(ctx, s.cleanerBinary, args...) //nolint:gosec // the program that was built
	var out, errOut bytes.Buffer
	command.Stdout, command.Stderr = &out, &errOut
	err := command.Run()
	if ctx.Err() != nil {
		return ""
	}
	deleted := strings.Fields(out.String())
	for _, pin := range deleted {
		s.journal.note("cleaner", "deleted %s in the run that began at %s", pin, began.UTC().Format("15:04:05.000"))
	}
	exit, isExit := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		s.count(func(f *figures) {
			f.runs++
			if isConfirmed {
				f.confirmed++
			}
		})
	case isExit && exit.ExitCode() == exitRefused:
		refusal = kindOf(errOut.String())
		s.journal.note("cleaner", "refused: %s", errOut.String())
		s.count(func(f *figures) { f.refusals[refusal]++ })
	default:
		s.journal.note("cleaner", "failed: %v: %s", err, errOut.String())
		s.count(func(f *figures) { f.failures++ })
	}
	s.count(func(f *figures) { f.deleted += len(deleted) })
	s.witness.check(ctx, began, deleted)
	return refusal
}

// kindOf returns the kind of a refusal.
func kindOf(message string) string {
	for _, kind := range [][2]string{
		{"has lost pins", shrunkList},
		{"is empty", "the list is empty"},
		{"is incomplete", "the list is incomplete"},
		{"the pods had been read at", "no list that is late enough"},
		{"connection re", "the API server is away"},
	} {
		if strings.Contains(message, kind[0]) {
			return kind[1]
		}
	}
	return "other reasons"
}
