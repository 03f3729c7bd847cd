package list

import (
	"encoding/json"
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

	// Report is that of all its objects together.
	Report *v1alpha1.PinReport

	// Complete says that every read behind the list got an answer.
	Complete bool

	// SyncedAt is when the oldest of its objects was last known to be current.
	SyncedAt time.Time
}

// Find reads the lists of these names from the objects that carry the label of pins. It
// returns an error that says in one line what is wrong where one of them is missing or
// damaged, or there is an object that belongs to none of them: it may hold pins, too.
func Find(names []string, objects []Object) ([]*List, error) {
	byList := map[string][]Object{}
	for _, object := range objects {
		i := slices.Index(names, object.Name) // a list may be called as another one's shard
		if i < 0 {
			i = slices.IndexFunc(names, func(name string) bool {
				_, is := ShardOf(name, object.Name)
				return is
			})
		}
		if i < 0 {
			return nil, fmt.Errorf("ConfigMap %s is labelled as a list of pins, but is not part of %s: "+
				"name it with --name, or delete it if it is left over", object.Name, strings.Join(names, ", "))
		}
		byList[names[i]] = append(byList[names[i]], object)
	}
	lists := make([]*List, 0, len(names))
	for _, name := range names {
		l, err := Read(name, byList[name])
		if err != nil {
			return nil, err
		}
		lists = append(lists, l)
	}
	return lists, nil
}

// Read puts a list together from its objects, in any order. Its error says in one line
// which of them is missing or damaged, and how.
func Read(name string, objects []Object) (*List, error) {
	if len(objects) == 0 {
		return nil, fmt.Errorf("there is no list %s", name)
	}
	shards, err := inOrder(name, objects)
	if err != nil {
		return nil, err
	}
	l := &List{Name: name, Complete: true}
	reports := make([]*v1alpha1.PinReport, len(shards))
	for i := range shards {
		if reports[i], err = l.add(&shards[i]); err != nil {
			return nil, fmt.Errorf("ConfigMap %s is damaged: %w", shards[i].Name, err)
		}
	}
	if len(shards) > 1 {
		var others []map[string]string
		for i := range shards[1:] {
			others = append(others, shards[i+1].Data)
		}
		if shards[0].Annotations[v1alpha1.ShardsAnnotation] != Digest(others) {
			return nil, fmt.Errorf("the objects of list %s are not those of one write: one is going on, or somebody has changed them", name)
		}
	}
	l.Report = pin.Join(reports)
	return l, nil
}

// inOrder returns the objects of a list by shard.
func inOrder(name string, objects []Object) ([]Object, error) {
	shards := make([]Object, len(objects))
	seen := make([]bool, len(objects))
	for _, object := range objects {
		shard, _ := ShardOf(name, object.Name)
		of := object.Annotations[v1alpha1.ShardAnnotation]
		rest, isOwn := strings.CutPrefix(of, strconv.Itoa(shard)+"/")
		n, err := strconv.Atoi(rest)
		switch {
		case err != nil || !isOwn || Shard(shard, n) != of || n <= shard:
			return nil, fmt.Errorf("ConfigMap %s is damaged: its annotation %s is %q, want %s",
				object.Name, v1alpha1.ShardAnnotation, of, Shard(shard, max(len(objects), shard+1)))
		case n != len(objects):
			return nil, fmt.Errorf("the list %s is in %d of its %d ConfigMaps", name, len(objects), n)
		case seen[shard]:
			return nil, fmt.Errorf("ConfigMap %s is there twice", object.Name)
		}
		shards[shard], seen[shard] = object, true
	}
	return shards, nil
}

// add checks one object and returns its report.
func (l *List) add(o *Object) (*v1alpha1.PinReport, error) {
	lines := o.Data[v1alpha1.PinsKey]
	if sum := o.Annotations[v1alpha1.ChecksumAnnotation]; sum != Checksum(lines) {
		return nil, fmt.Errorf("the checksum of %s is %s, its annotation says %q", v1alpha1.PinsKey, Checksum(lines), sum)
	}
	if count := strconv.Itoa(strings.Count(lines, "\n")); o.Annotations[v1alpha1.CountAnnotation] != count {
		return nil, fmt.Errorf("%s has %s lines, its annotation says %q", v1alpha1.PinsKey, count, o.Annotations[v1alpha1.CountAnnotation])
	}
	if err := checkLines(lines); err != nil {
		return nil, err
	}
	report, err := readReport(o)
	if err != nil {
		return nil, err
	}
	at, err := time.Parse(time.RFC3339, o.Annotations[v1alpha1.SyncedAtAnnotation])
	if err != nil {
		return nil, fmt.Errorf("its annotation %s is %q, want a time such as 2006-01-02T15:04:05Z",
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
		return nil, fmt.Errorf("its annotation %s is %q, want true or false", v1alpha1.CompleteAnnotation, complete)
	}
	return report, nil
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

// readReport reads the report, and checks that the lists are what it says: there is a
// checksum of the pins alone.
func readReport(o *Object) (*v1alpha1.PinReport, error) {
	report := &v1alpha1.PinReport{}
	if err := json.Unmarshal([]byte(o.Data[v1alpha1.ReportKey]), report); err != nil {
		return nil, fmt.Errorf("%s is not a report: %w", v1alpha1.ReportKey, err)
	}
	switch {
	case pin.Lines(report) != o.Data[v1alpha1.PinsKey]:
		return nil, fmt.Errorf("%s does not say what %s says", v1alpha1.PinsKey, v1alpha1.ReportKey)
	case pin.Images(report) != o.Data[v1alpha1.ImagesKey]:
		return nil, fmt.Errorf("%s does not say what %s says", v1alpha1.ImagesKey, v1alpha1.ReportKey)
	}
	return report, nil
}

// Doubt says why a whole list may all the same lack a pin: it is incomplete, or older than
// maxAge; nil where it is neither.
func (l *List) Doubt(now time.Time, maxAge time.Duration) error {
	age := now.Sub(l.SyncedAt)
	at := l.SyncedAt.UTC().Format(time.RFC3339)
	switch {
	case !l.Complete:
		return fmt.Errorf("the list %s is incomplete: %s", l.Name, why(l.Report))
	case age > maxAge:
		return fmt.Errorf("the list %s was last known to be current at %s, %s ago, which is more than %s: is pinsync running?",
			l.Name, at, age.Round(time.Second), maxAge)
	case age < -maxAhead:
		return fmt.Errorf("the list %s was last known to be current at %s, which is %s from now: is the clock right?",
			l.Name, at, -age.Round(time.Second))
	default:
		return nil
	}
}

// why is what a report says of an incomplete list.
func why(report *v1alpha1.PinReport) string {
	for i := range report.Problems {
		if p := &report.Problems[i]; p.Reason == v1alpha1.ReasonUnanswered {
			return p.Object + ": " + p.Message
		}
	}
	return "pinsync could not read all of the cluster"
}
