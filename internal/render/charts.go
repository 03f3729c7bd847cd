package render

import (
	"crypto/sha256"
	"fmt"

	helmchart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"

	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/render/engine"
)

// Charts renders releases, and keeps the charts that were loaded last, because many releases share
// them. The zero value is ready. It must not be used by more than one goroutine at a time.
type Charts struct {
	kept map[chartKey]*keptChart
	// renders counts, to find the chart that was not used for the longest time.
	renders int
}

// chartKey is everything that a loaded chart depends on.
type chartKey struct {
	archive     [sha256.Size]byte
	folder      string
	valuesFiles string
	ignore      bool
}

type keptChart struct {
	chart     *helmchart.Chart
	templates engine.Templates
	// apis are those that it defines itself.
	apis []string
	// bytes are what it takes without its parsed templates, and used is when it was used last.
	bytes, used int
}

func keyOf(in *Input) chartKey {
	return chartKey{sha256.Sum256(in.Archive), in.Folder, fmt.Sprintf("%q", in.ValuesFiles), in.IgnoreMissingValuesFiles}
}

// chart returns the chart of an input, and keeps it.
func (c *Charts) chart(in *Input) (*keptChart, error) {
	c.renders++
	key := keyOf(in)
	if kept := c.kept[key]; kept != nil {
		kept.used = c.renders
		return kept, nil
	}
	files, err := filesOf(in)
	if err != nil {
		return nil, err
	}
	chart, err := loader.LoadFiles(files)
	if err != nil {
		return nil, err
	}
	dropNotes(chart)
	kept := &keptChart{chart: chart, apis: definedBy(chart), bytes: sizeOf(chart), used: c.renders}
	if c.kept == nil {
		c.kept = map[chartKey]*keptChart{}
	}
	c.kept[key] = kept
	c.shrink()
	return kept, nil
}

// shrink drops what was not used for the longest time, as long as all charts together take too much memory: first the
// templates of a chart, then the chart.
func (c *Charts) shrink() {
	for c.size() > budget.LoadedCharts {
		var oldest chartKey
		least := c.renders + 1
		for key, kept := range c.kept {
			if kept.used < least {
				oldest, least = key, kept.used
			}
		}
		if kept := c.kept[oldest]; kept.templates.Size() > 0 {
			kept.templates = engine.Templates{}
		} else {
			delete(c.kept, oldest)
		}
	}
}

// size returns about how much memory the charts take.
func (c *Charts) size() (size int) {
	for _, kept := range c.kept {
		size += kept.bytes + kept.templates.Size()
	}
	return size
}

// nodeSize is about what a node of decoded values takes besides its text.
const nodeSize = 64

// sizeOf returns about how much memory a chart and its sub-charts take: their files, and their values,
// which may be much larger than the file that they are decoded from.
func sizeOf(chart *helmchart.Chart) int {
	size := sizeOfValue(chart.Values)
	for _, file := range chart.Raw {
		size += len(file.Data)
	}
	for _, sub := range chart.Dependencies() {
		size += sizeOf(sub)
	}
	return size
}

func sizeOfValue(value any) int {
	size := nodeSize
	switch value := value.(type) {
	case map[string]any:
		for key, item := range value {
			size += len(key) + sizeOfValue(item)
		}
	case []any:
		for _, item := range value {
			size += sizeOfValue(item)
		}
	case string:
		size += len(value)
	}
	return size
}

// clone copies what Helm changes of a chart when it processes its dependencies. Files and values are
// shared.
func clone(chart *helmchart.Chart) *helmchart.Chart {
	copied, metadata := *chart, *chart.Metadata
	metadata.Dependencies = nil
	for _, dependency := range chart.Metadata.Dependencies {
		if dependency != nil {
			dependency = new(*dependency)
		}
		metadata.Dependencies = append(metadata.Dependencies, dependency)
	}
	copied.Metadata = &metadata
	copied.SetDependencies()
	for _, sub := range chart.Dependencies() {
		copied.AddDependency(clone(sub))
	}
	return &copied
}
