package pinlist

import (
	"cmp"
	"encoding/json"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/object"
)

// What is below reads the form of now and that of earlier versions: a hold had a release
// instead of an owner, releases had no kind, ownersUnknown was forgotten, and ReadFailed was
// Unanswered.

type readPin struct {
	v1alpha1.Pin
	HeldFor []readHold `json:"heldFor"`
}

type readHold struct {
	v1alpha1.Hold
	Release string `json:"release"`
}

// pin returns a pin in the form of now, without owners that cannot be releases, and reports
// whether there were none.
func (r *readPin) pin() (p v1alpha1.Pin, ok bool) {
	p, ok = r.Pin, true
	p.NeededBy, p.HeldFor = []string{}, nil
	for _, owner := range r.NeededBy {
		id, isID := object.ParseID(owner)
		if ok = ok && isID; isID {
			p.NeededBy = append(p.NeededBy, id.String())
		}
	}
	for _, h := range r.HeldFor {
		hold := h.Hold
		hold.Owner = cmp.Or(hold.Owner, h.Release)
		id, isID := object.ParseID(hold.Owner)
		switch {
		case isID:
			hold.Owner = id.String()
		case hold.Owner != v1alpha1.UnknownOwner && hold.Owner != v1alpha1.OtherOwners:
			ok = false
			continue
		}
		p.HeldFor = append(p.HeldFor, hold)
	}
	return p, ok
}

// decodeReport decodes a report.
func decodeReport(text string) (*v1alpha1.PinReport, error) {
	var read struct {
		v1alpha1.PinReport
		Forgotten bool      `json:"forgotten"`
		Pins      []readPin `json:"pins"`
	}
	if err := json.Unmarshal([]byte(text), &read); err != nil {
		return nil, err
	}
	r := &read.PinReport
	r.OwnersUnknown = r.OwnersUnknown || read.Forgotten
	r.Pins = make([]v1alpha1.Pin, len(read.Pins))
	for i := range read.Pins {
		r.Pins[i], _ = read.Pins[i].pin()
	}
	for i := range r.Problems {
		if p := &r.Problems[i]; p.Reason == "Unanswered" {
			p.Reason = v1alpha1.ReasonReadFailed
		}
	}
	for i := range r.Releases {
		r.Releases[i].Kind = cmp.Or(r.Releases[i].Kind, object.HelmRelease)
	}
	return r, nil
}
