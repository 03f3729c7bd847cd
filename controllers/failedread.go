package controllers

import (
	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// addFailedRead adds a read to those of a snapshot that have failed: it is then incomplete.
func addFailedRead(s *pin.Snapshot, object, message string) {
	s.FailedReads = append(s.FailedReads, v1alpha1.Problem{
		Reason: v1alpha1.ReasonReadFailed, Object: object, Message: message,
	})
}
