package render

import (
	"bytes"
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
	kept  map[chartKey]*keptChart
	bytes int
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
	templates *engine.Templates
	// apis are those that it defines itself.
	apis  []string
	bytes int
	used  int
}

func keyOf(in *Input) chartKey {
	return chartKey{sha256.Sum256(in.Archive), in.Folder, fmt.Sprintf("%q", in.ValuesFiles), in.IgnoreMissingValuesFiles}
}

// chart returns the chart of an input, for the caller to change, and its templates that are parsed already.
func (c *Charts) chart(in *Input) (*helmchart.Chart, *engine.Templates, error) {
	c.renders++
	key := keyOf(in)
	if kept := c.kept[key]; kept != nil {
		kept.used = c.renders
		return clone(kept.chart), kept.templates, nil
	}
	files, err := filesOf(in)
	if err != nil {
		return nil, nil, err
	}
	chart, err := loader.LoadFiles(files)
	if err != nil {
		return nil, nil, err
	}
	dropNotes(chart)
	parsed := engine.New()
	c.keep(key, &keptChart{chart: chart, templates: parsed, bytes: sizeOf(chart)})
	return clone(chart), parsed, nil
}

// keep keeps a chart, in the place of those that were not used for the longest time. One that is too
// large to keep needs the memory of the others.
func (c *Charts) keep(key chartKey, kept *keptChart) {
	if kept.bytes > budget.LoadedCharts {
		*c = Charts{}
		return
	}
	for c.bytes+kept.bytes > budget.LoadedCharts {
		c.dropOldest()
	}
	if c.kept == nil {
		c.kept = map[chartKey]*keptChart{}
	}
	kept.apis, kept.used = definedBy(kept.chart), c.renders
	c.kept[key] = kept
	c.bytes += kept.bytes
}

func (c *Charts) dropOldest() {
	var oldest chartKey
	least := c.renders + 1
	for key, kept := range c.kept {
		if kept.used < least {
			oldest, least = key, kept.used
		}
	}
	c.bytes -= c.kept[oldest].bytes
	delete(c.kept, oldest)
}

// nodeSize is about what a node of decoded values takes besides its text.
const nodeSize = 64

// actionSize is about what an action of a template takes when it is parsed, with its part of the text.
const actionSize = 350

// sizeOf returns about how much memory a chart and its sub-charts take: their files, their values, which may be
// much larger than the file that they are decoded from, and their templates when they are parsed.
func sizeOf(chart *helmchart.Chart) int {
	size := sizeOfValue(chart.Values)
	for _, file := range chart.Templates {
		size += 2*len(file.Data) + actionSize*bytes.Count(file.Data, []byte("{{"))
	}
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
			one := *dependency
			dependency = &one
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
