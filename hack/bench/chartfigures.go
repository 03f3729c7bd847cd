package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// chartFigures are the measurements of releases with charts, on one core.
type chartFigures struct {
	// Releases are the suspended ones; they share the charts.
	Releases     int   `json:"releases"`
	Charts       int   `json:"charts"`
	ArchiveBytes []int `json:"archiveBytes"`
	// Rounds are the measurements of rendering them all, one after the other.
	Rounds []chartRound `json:"rounds"`
	// FirstListSeconds is from the start until the list has what the values name, without charts and
	// with them.
	FirstListWithoutSeconds float64 `json:"firstListWithoutSeconds"`
	FirstListSeconds        float64 `json:"firstListSeconds"`
	// AllCoresRenderSeconds is the RenderSeconds of a round where the processes have all cores.
	AllCoresRenderSeconds float64 `json:"allCoresRenderSeconds"`
	// The memory of the controller when nothing is to be done any more, and of a child at most.
	SteadyWithoutBytes int64 `json:"steadyWithoutBytes"`
	SteadyBytes        int64 `json:"steadyBytes"`
	ChildPeakBytes     int64 `json:"childPeakBytes"`
	// Fetches are the requests for charts, and RendersAfterRestart is set if a child was started.
	Fetches             int  `json:"fetches"`
	FetchesAfterRestart int  `json:"fetchesAfterRestart"`
	RendersAfterRestart bool `json:"rendersAfterRestart"`
	// SuspendSeconds are from each suspend until the list has what the chart names.
	SuspendSeconds []float64 `json:"suspendSeconds"`
}

// chartRound is one measurement of rendering all charts, on one core.
type chartRound struct {
	// EngineSeconds is what Helm's engine takes for all releases, by the clock, and EngineCPUSeconds of a
	// core: what counts where other programs use the core, too. They are measured before and after the rest.
	EngineSeconds    float64 `json:"engineSeconds"`
	EngineCPUSeconds float64 `json:"engineCPUSeconds"`
	// RenderSeconds is from the list with what the values name to that with what the charts name.
	RenderSeconds float64 `json:"renderSeconds"`
	// ControllerCPUSeconds and ChildrenCPUSeconds are what the controller and the processes that render
	// use of the core in RenderSeconds.
	ControllerCPUSeconds float64 `json:"controllerCPUSeconds"`
	ChildrenCPUSeconds   float64 `json:"childrenCPUSeconds"`
}

// ratio is how many times as much CPU rendering takes as Helm's engine does.
func (r *chartRound) ratio() float64 {
	return (r.ControllerCPUSeconds + r.ChildrenCPUSeconds) / r.EngineCPUSeconds
}

// lines are the figures as text.
func (f *chartFigures) lines() string {
	var text strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&text, "- "+format+"\n", args...) }
	line("%d suspended releases of %d charts of %d to %d KiB, on one core", f.Releases, f.Charts, slices.Min(f.ArchiveBytes)/kibi, slices.Max(f.ArchiveBytes)/kibi)
	sorted := slices.SortedFunc(slices.Values(f.Rounds), func(a, b chartRound) int { return cmp.Compare(a.ratio(), b.ratio()) })
	for i := range sorted {
		r := &sorted[i]
		line("Helm's engine alone: %.2f s; pinsync from the first list to that with all charts: %.2f s, ratio %.2f", r.EngineSeconds, r.RenderSeconds, r.RenderSeconds/r.EngineSeconds)
		line("CPU of the engine: %.2f s; of pinsync: controller %.2f s and the process that renders %.2f s, ratio %.2f", r.EngineCPUSeconds, r.ControllerCPUSeconds, r.ChildrenCPUSeconds, r.ratio())
	}
	if median := len(sorted) / 2; median < len(sorted) {
		line("ratio of the CPU, median of %d: %.2f", len(sorted), sorted[median].ratio())
	}
	line("with all cores: %.2f s", f.AllCoresRenderSeconds)
	line("first list with charts: %.2f s, without: %.2f s", f.FirstListSeconds, f.FirstListWithoutSeconds)
	line("steady memory with charts: %d MiB, without: %d MiB; a child at most %d MiB", f.SteadyBytes/mebi, f.SteadyWithoutBytes/mebi, f.ChildPeakBytes/mebi)
	line("charts fetched: %d; after a restart %d, rendered: %t", f.Fetches, f.FetchesAfterRestart, f.RendersAfterRestart)
	line("suspend to the chart's images visible: p50 %.0f ms, p99 %.0f ms", percentile(f.SuspendSeconds, 50)*milliseconds, percentile(f.SuspendSeconds, 99)*milliseconds)
	return text.String()
}
