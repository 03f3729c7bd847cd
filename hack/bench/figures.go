package main

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"time"
)

// result has all measurements of a run, as they are written to the file.
type result struct {
	Date          time.Time  `json:"date"`
	Machine       machine    `json:"machine"`
	Pinsync       string     `json:"pinsync"`
	Etcd          string     `json:"etcd"`
	KubeAPIServer string     `json:"kubeAPIServer"`
	Sizes         []*figures `json:"sizes"`
	// Charts are the measurements of releases with charts.
	Charts *chartFigures `json:"charts,omitempty"`
}

// figures are the measurements with one number of releases.
type figures struct {
	Releases int          `json:"releases"`
	Load     load         `json:"load"`
	Starts   starts       `json:"starts"`
	Idle     idle         `json:"idle"`
	Memory   memory       `json:"memory"`
	Suspend  suspend      `json:"suspend"`
	Burst    burst        `json:"burst"`
	Write    write        `json:"write"`
	List     size         `json:"list"`
	Report   size         `json:"report"`
	Kubectl  *kubectlPass `json:"kubectl,omitempty"`
	// Failed is the error after which nothing was measured any more; those figures are 0 or
	// null.
	Failed string `json:"failed,omitempty"`
	// WithoutKubectl is the reason if kubectl was not measured.
	WithoutKubectl string `json:"withoutKubectl,omitempty"`
}

// load describes the creation of the objects.
type load struct {
	Objects int     `json:"objects"`
	Seconds float64 `json:"seconds"`
}

// starts are those of pinsync, and of the bare list, in turn.
type starts struct {
	Pinsync  []oneStart `json:"pinsync"`
	BareList []oneStart `json:"bareList"`
}

// oneStart is the time from a process' start until its result, and the resources used.
type oneStart struct {
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpuSeconds"`
	PeakBytes  int64   `json:"peakBytes"`
}

// idle has the resources that processes use while nothing changes.
type idle struct {
	Seconds             float64 `json:"seconds"`
	PinsyncCPUSeconds   float64 `json:"pinsyncCPUSeconds"`
	InformersCPUSeconds float64 `json:"informersCPUSeconds"`
	// Requests are pinsync's requests in a window of the same length, by verb and resource.
	Requests map[string]int `json:"requests"`
}

// memory is the memory of processes.
type memory struct {
	Pinsync   footprint `json:"pinsync"`
	Informers footprint `json:"informers"`
}

// footprint is a process' memory: the peak until its start was complete, and the resident
// set at the end of the idle window, with the part of it that is pages of the binary.
type footprint struct {
	PeakBytes   int64 `json:"peakBytes"`
	SteadyBytes int64 `json:"steadyBytes"`
	FileBytes   int64 `json:"fileBytes"`
}

// suspend is the time from sending each suspend until its pin was visible in the list.
type suspend struct {
	PinsyncSeconds  []float64 `json:"pinsyncSeconds"`
	BareLoopSeconds []float64 `json:"bareLoopSeconds"`
}

// write is the time from sending a ConfigMap of the size of the list's first ConfigMap until
// it was visible.
type write struct {
	Bytes   int       `json:"bytes"`
	Seconds []float64 `json:"seconds"`
}

// burst is many suspends at once.
type burst struct {
	Suspends int `json:"suspends"`
	// PatchSeconds is from the first patch until the last response, SecondsAfter from then
	// until all pins were visible.
	PatchSeconds float64 `json:"patchSeconds"`
	SecondsAfter float64 `json:"secondsAfter"`
	// Writes are those of the list's ConfigMaps from the first patch until all pins were visible.
	Writes int `json:"writes"`
	// ReportWrites are those of the report's ConfigMaps from the first patch until the report
	// on the last list was written.
	ReportWrites int `json:"reportWrites"`
}

// size is that of the list or the report after the burst: the bytes of its data and the
// number of its ConfigMaps.
type size struct {
	Bytes   int `json:"bytes"`
	Objects int `json:"objects"`
}

// kubectlPass is one pass of kubectl and jq over all releases.
type kubectlPass struct {
	Seconds          float64 `json:"seconds"`
	CPUSeconds       float64 `json:"cpuSeconds"`
	KubectlPeakBytes int64   `json:"kubectlPeakBytes"`
	JQPeakBytes      int64   `json:"jqPeakBytes"`
}

func (r *result) write(name string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644) //nolint:gosec // for everybody to read
}

// percentile returns the smallest figure that at least this percentage of the figures does
// not exceed, or NaN without figures.
func percentile(figures []float64, percent float64) float64 {
	if len(figures) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(figures))
	rank := int(math.Ceil(float64(len(sorted)) * percent / 100))
	return sorted[max(rank, 1)-1]
}

// median returns the median of one figure of some starts.
func median(starts []oneStart, of func(oneStart) float64) float64 {
	figures := make([]float64, len(starts))
	for i := range starts {
		figures[i] = of(starts[i])
	}
	return percentile(figures, 50)
}
