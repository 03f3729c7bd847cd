package pin

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/image"
)

// Memory is what the last list said.
type Memory struct {
	// Pins are those that were listed, each once.
	Pins []v1alpha1.Pin
	// Forgotten says that it is not known which releases had needed them.
	Forgotten bool
	// HasPolicies says that ImagePolicies were linked: that the cluster had them.
	HasPolicies bool
}

// MemoryOf returns the memory that a report is.
func MemoryOf(r *v1alpha1.PinReport) Memory {
	return Memory{
		Pins: r.Pins, Forgotten: r.Forgotten,
		HasPolicies: slices.ContainsFunc(r.Releases, func(r v1alpha1.Release) bool { return len(r.Policies) > 0 }),
	}
}

// Recall reads the memory from the objects of a list. What is no pin is left out.
// A line that no report explains is a pin that was needed by an unknown release; its
// images are those of the list that it can stand for.
func Recall(objects []Part) Memory {
	m := Memory{Forgotten: len(objects) == 0}
	known := map[string]bool{}
	for _, object := range objects {
		// What the decoder cannot take it leaves out, and goes on. Only the pins
		// must be of the right shape.
		var report struct {
			Forgotten bool            `json:"forgotten"`
			Pins      []v1alpha1.Pin  `json:"pins"`
			Releases  json.RawMessage `json:"releases"`
		}
		err := json.Unmarshal([]byte(object.Report), &report)
		m.HasPolicies = m.HasPolicies || hasPolicies(report.Releases)
		m.Forgotten = m.Forgotten || report.Forgotten || err != nil
		for i := range report.Pins {
			if p := &report.Pins[i]; Check(p.Pin) == nil && isImage(p.Image) {
				known[p.Pin] = true
				m.Forgotten = !areReleases(p) || m.Forgotten
				m.Pins = append(m.Pins, *p)
			}
		}
	}
	for _, object := range objects {
		for line := range strings.Lines(object.Lines) {
			line = strings.TrimSuffix(line, "\n")
			if !known[line] && Check(line) == nil {
				m.Forgotten = true
				m.Pins = append(m.Pins, unexplained(line, object.Images)...)
			}
		}
	}
	m.Pins = mergePins(m.Pins)
	return m
}

// Reread returns what is known after the objects of the list were read again, and
// are not those that this memory is of. What somebody wrote since who keeps the list,
// too, is believed. Otherwise somebody has changed, removed or restored what was
// written, and what was known before holds besides.
func (m Memory) Reread(read Memory, isNewer bool) Memory {
	if isNewer && !read.Forgotten {
		return read
	}
	known := map[string]bool{}
	for i := range m.Pins {
		known[m.Pins[i].Pin] = true
	}
	others := slices.DeleteFunc(read.Pins, func(p v1alpha1.Pin) bool { return p.Image == "" && known[p.Pin] })
	both := Memory{Pins: mergePins(slices.Concat(m.Pins, others)), Forgotten: m.Forgotten, HasPolicies: m.HasPolicies || read.HasPolicies}
	if read.Forgotten && len(both.Pins) > len(m.Pins) {
		both.Forgotten = true
	}
	return both
}

// unexplained returns the entries of a line: one for each image that it can stand for,
// or one of an unknown image.
func unexplained(line, images string) []v1alpha1.Pin {
	name, tag, _ := strings.Cut(line, "==")
	_, name, _ = strings.Cut(name, "/")
	var pins []v1alpha1.Pin
	for image := range strings.Lines(images) {
		image = strings.TrimSuffix(image, "\n")
		if strings.HasSuffix(image, "/"+name+":"+tag) && isImage(image) {
			pins = append(pins, v1alpha1.Pin{Pin: line, Image: image, State: v1alpha1.PinHeld})
		}
	}
	if len(pins) == 0 {
		pins = append(pins, v1alpha1.Pin{Pin: line, State: v1alpha1.PinHeld})
	}
	return pins
}

// areReleases says whether a pin is needed by, and held for, what can be releases. It
// leaves out what cannot.
func areReleases(p *v1alpha1.Pin) bool {
	isNone := func(release string) bool {
		namespace, name, _ := strings.Cut(release, "/")
		return release != v1alpha1.HeldForUnknown && (namespace == "" || name == "" || strings.Contains(name, "/"))
	}
	n := len(p.NeededBy) + len(p.HeldFor)
	p.NeededBy = slices.DeleteFunc(p.NeededBy, isNone)
	p.HeldFor = slices.DeleteFunc(p.HeldFor, func(h v1alpha1.Hold) bool { return isNone(h.Release) })
	return len(p.NeededBy)+len(p.HeldFor) == n
}

func hasPolicies(releases json.RawMessage) bool {
	var entries []struct {
		Policies []string `json:"policies"`
	}
	// Of a release of another shape, what can be read counts.
	_ = json.Unmarshal(releases, &entries)
	for _, entry := range entries {
		if len(entry.Policies) > 0 {
			return true
		}
	}
	return false
}

// isImage says whether an entry's image is one; an entry that only the lines
// had has none.
func isImage(s string) bool {
	ref, err := image.Parse(s)
	return s == "" || err == nil && ref.Tag != ""
}

// mergePins makes one entry of all those of a pin.
func mergePins(pins []v1alpha1.Pin) []v1alpha1.Pin {
	merged := make([]v1alpha1.Pin, 0, len(pins))
	at := make(map[line]int, len(pins))
	for i := range pins {
		l := line{pin: pins[i].Pin, image: pins[i].Image}
		if j, found := at[l]; found {
			mergePin(&merged[j], &pins[i])
			continue
		}
		at[l] = len(merged)
		merged = append(merged, pins[i])
	}
	return merged
}

// mergePin adds to an entry what another one of the same pin says.
func mergePin(p, other *v1alpha1.Pin) {
	if other.State == v1alpha1.PinNeeded {
		p.State = v1alpha1.PinNeeded
	}
	p.NeededBy = sortedSet(slices.Concat(p.NeededBy, other.NeededBy))
	p.Via = sortedVia(slices.Concat(p.Via, other.Via))
	if p.HeldSince == nil {
		p.HeldSince = other.HeldSince
	}
	p.HeldFor = mergeHolds(slices.Concat(p.HeldFor, other.HeldFor))
}

// mergeHolds sorts holds, and makes one of all those for a release: the one that
// has been safe for the shortest time.
func mergeHolds(holds []v1alpha1.Hold) []v1alpha1.Hold {
	slices.SortStableFunc(holds, func(a, b v1alpha1.Hold) int {
		return cmp.Or(cmp.Compare(a.Release, b.Release), compareSafe(a.SafeSince, b.SafeSince))
	})
	return slices.CompactFunc(holds, func(a, b v1alpha1.Hold) bool { return a.Release == b.Release })
}

// compareSafe puts what is not safe before what has been for the shortest time.
func compareSafe(a, b *string) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	default:
		return cmp.Compare(*b, *a)
	}
}

// holdsOf returns whom a listed pin is held for once nobody needs it: all that had
// needed it, sorted by name.
func holdsOf(p *v1alpha1.Pin) []v1alpha1.Hold {
	holds := slices.Clone(p.HeldFor)
	for _, release := range p.NeededBy {
		holds = append(holds, v1alpha1.Hold{Release: release})
	}
	if len(holds) == 0 {
		holds = append(holds, v1alpha1.Hold{Release: v1alpha1.HeldForUnknown})
	}
	return mergeHolds(holds)
}

// addHolds adds releases to sorted holds that are not among them.
func addHolds(holds []v1alpha1.Hold, releases ...string) []v1alpha1.Hold {
	var added []v1alpha1.Hold
	for _, release := range releases {
		if _, found := slices.BinarySearchFunc(holds, release, compareRelease); !found {
			added = append(added, v1alpha1.Hold{Release: release})
		}
	}
	return mergeHolds(append(added, holds...))
}

// isHeldForUnknown says whether sorted holds are not for known releases alone.
func isHeldForUnknown(holds []v1alpha1.Hold) bool {
	_, found := slices.BinarySearchFunc(holds, v1alpha1.HeldForUnknown, compareRelease)
	return found
}

func compareRelease(h v1alpha1.Hold, release string) int {
	return cmp.Compare(h.Release, release)
}
