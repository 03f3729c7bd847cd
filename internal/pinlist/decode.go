package pinlist

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// maxAhead is how far the writer's clock may be ahead of the reader's.
const maxAhead = time.Minute

// List is a list as it was published, whole and undamaged.
type List struct {
	Name string
	// Pins and Images are sorted and unique.
	Pins, Images []string
	// Complete is set if every read for the list succeeded.
	Complete bool
	// SyncedAt is when the oldest of its objects was last known to be current.
	SyncedAt time.Time
	// Plan identifies the plan that it was written for; empty in the form of earlier versions.
	Plan string
	// Checked is the annotation of the last check that was recorded, and empty if there was none.
	Checked string

	// embedded is the report in the list's own objects, where earlier versions kept it.
	embedded *v1alpha1.PinReport
}

// Find decodes the lists of these names from the objects that carry the label of pins. It
// returns an error that describes in one line what is wrong where one of them is missing or
// damaged, or there is an object that belongs to none of them: it may hold pins, too.
func Find(names []string, objects []Object) ([]*List, error) {
	byList := map[string][]Object{}
	for _, object := range objects {
		i := slices.Index(names, object.Name) // a list may have the name of another one's shard
		if i < 0 {
			i = slices.IndexFunc(names, func(name string) bool {
				_, ok := ShardOf(name, object.Name)
				return ok
			})
		}
		if i < 0 {
			return nil, fmt.Errorf("ConfigMap %s has the label of a list, but is no part of %s: "+
				"give --name, or delete it", object.Name, strings.Join(names, ", "))
		}
		byList[names[i]] = append(byList[names[i]], object)
	}
	lists := make([]*List, 0, len(names))
	for _, name := range names {
		l, err := Decode(name, byList[name])
		if err != nil {
			return nil, err
		}
		lists = append(lists, l)
	}
	return lists, nil
}

// Decode puts a list together from its objects, in any order. Its error describes in one
// line which of them is missing or damaged, and how.
func Decode(name string, objects []Object) (*List, error) {
	if len(objects) == 0 {
		return nil, fmt.Errorf("there is no list %s: is pinsync running, and --pinsync-namespace right?", name)
	}
	l, err := decode(name, objects)
	if err != nil {
		return nil, fmt.Errorf("%w: is pinsync running? It writes the list again", err)
	}
	return l, nil
}

func decode(name string, objects []Object) (*List, error) {
	shards, err := inOrder(name, objects)
	if err != nil {
		return nil, err
	}
	l := &List{
		Name: name, Complete: true,
		Plan: shards[0].Annotations[v1alpha1.PlanAnnotation], Checked: shards[0].Annotations[v1alpha1.CheckedAnnotation],
	}
	for i := range shards {
		if err := l.add(&shards[i]); err != nil {
			return nil, fmt.Errorf("ConfigMap %s is damaged: %w", shards[i].Name, err)
		}
	}
	l.Pins, l.Images = sortedUnique(l.Pins), sortedUnique(l.Images)
	return l, nil
}

// add checks one object and adds its pins and images.
func (l *List) add(o *Object) error {
	pins, images := o.Data[v1alpha1.PinsKey], o.Data[v1alpha1.ImagesKey]
	if err := checkChecksum(o, v1alpha1.PinsKey, v1alpha1.ChecksumAnnotation); err != nil {
		return err
	}
	if count := strconv.Itoa(strings.Count(pins, "\n")); o.Annotations[v1alpha1.CountAnnotation] != count {
		return fmt.Errorf("%s has %s lines, its annotation has %q", v1alpha1.PinsKey, count, o.Annotations[v1alpha1.CountAnnotation])
	}
	if err := checkLines(pins); err != nil {
		return err
	}
	if err := l.checkImages(o); err != nil {
		return err
	}
	l.Pins, l.Images = append(l.Pins, linesOf(pins)...), append(l.Images, linesOf(images)...)
	at, err := time.Parse(time.RFC3339, o.Annotations[v1alpha1.SyncedAtAnnotation])
	if err != nil {
		return fmt.Errorf("its annotation %s is %q, want a time such as 2006-01-02T15:04:05Z",
			v1alpha1.SyncedAtAnnotation, o.Annotations[v1alpha1.SyncedAtAnnotation])
	}
	if l.SyncedAt.IsZero() || at.Before(l.SyncedAt) {
		l.SyncedAt = at
	}
	switch complete := o.Annotations[v1alpha1.CompleteAnnotation]; complete {
	case "true":
	case "false":
		l.Complete = false
	default:
		return fmt.Errorf("its annotation %s is %q, want true or false", v1alpha1.CompleteAnnotation, complete)
	}
	return nil
}

func checkChecksum(o *Object, key, annotation string) error {
	if sum := checksum(o.Data[key]); o.Annotations[annotation] != sum {
		return fmt.Errorf("the checksum of %s is %s, its annotation has %q", key, sum, o.Annotations[annotation])
	}
	return nil
}

// checkLines checks the pins as a cleaner that parses strictly would.
func checkLines(lines string) error {
	last := ""
	for line := range strings.Lines(lines) {
		text, isEnded := strings.CutSuffix(line, "\n")
		if !isEnded {
			return fmt.Errorf("%s does not end with a line feed", v1alpha1.PinsKey)
		}
		if err := pin.Check(text); err != nil {
			return fmt.Errorf("%s: %w", v1alpha1.PinsKey, err)
		}
		if text <= last {
			return fmt.Errorf("%s is not sorted at %q", v1alpha1.PinsKey, text)
		}
		last = text
	}
	return nil
}

// checkImages checks the images by their checksum or, in the form of earlier versions, which
// have none or leave that of a later version as it was, by the report in the same object.
func (l *List) checkImages(o *Object) error {
	if _, ok := o.Data[v1alpha1.ReportKey]; !ok {
		return checkChecksum(o, v1alpha1.ImagesKey, v1alpha1.ImagesChecksumAnnotation)
	}
	report, err := decodeReport(o.Data[v1alpha1.ReportKey])
	if err != nil {
		return fmt.Errorf("%s is not a report: %w", v1alpha1.ReportKey, err)
	}
	switch {
	case Lines(report.Pins) != o.Data[v1alpha1.PinsKey]:
		return fmt.Errorf("%s does not have the pins of %s", v1alpha1.PinsKey, v1alpha1.ReportKey)
	case Images(report.Pins) != o.Data[v1alpha1.ImagesKey]:
		return fmt.Errorf("%s does not have the images of %s", v1alpha1.ImagesKey, v1alpha1.ReportKey)
	}
	if l.embedded == nil {
		l.embedded = pin.NewReport()
	}
	l.embedded = Join([]*v1alpha1.PinReport{l.embedded, report})
	return nil
}
