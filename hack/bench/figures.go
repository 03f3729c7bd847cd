package main

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"time"
)

// result is what a run has measured, as it is written to the file.
type result struct {
	Date          time.Time  `json:"date"`
	Machine       machine    `json:"machine"`
	Pinsync       string     `json:"pinsync"`
	Etcd          string     `json:"etcd"`
	KubeAPIServer string     `json:"kubeAPIServer"`
	Sizes         []*figures `json:"sizes"`
}

// figures are what was measured with one number of releases.
type figures struct {
	Releases int          `json:"releases"`
	Load     load         `json:"load"`
	Starts   starts       `json:"starts"`
	Idle     idle         `json:"idle"`
	Memory   memory       `json:"memory"`
	Suspend  suspend      `json:"suspend"`
	Burst    burst        `json:"burst"`
	Write    write        `json:"write"`
	Kubectl  *kubectlPass `json:"kubectl,omitempty"`
	// Failed is why the figures end early, if they do: those that were not measured are 0 or
	// null then.
	Failed string `json:"failed,omitempty"`
	// WithoutKubectl is why kubectl was not measured, if it was not.
	WithoutKubectl string `json:"withoutKubectl,omitempty"`
}

// load is how the objects were created.
type load struct {
	Objects int     `json:"objects"`
	Seconds float64 `json:"seconds"`
}

// starts are those of pinsync, and of the bare list, in turn.
type starts struct {
	Pinsync  []oneStart `json:"pinsync"`
	BareList []oneStart `json:"bareList"`
}

// oneStart is the time from a process' start until its work is there, and what it took.
type oneStart struct {
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpuSeconds"`
	PeakBytes  int64   `json:"peakBytes"`
}

// idle is what processes do while nothing changes.
type idle struct {
	Seconds             float64 `json:"seconds"`
	PinsyncCPUSeconds   float64 `json:"pinsyncCPUSeconds"`
	InformersCPUSeconds float64 `json:"informersCPUSeconds"`
	// Requests are pinsync's in a window of the same length, by verb and resource.
	Requests map[string]int `json:"requests"`
}

// memory is what processes hold.
type memory struct {
	Pinsync   held `json:"pinsync"`
	Informers held `json:"informers"`
}

// held is a process' memory: the most that it ever had until its start was over, and what
// it had at the end of the time in which nothing changed.
type held struct {
	PeakBytes   int64 `json:"peakBytes"`
	SteadyBytes int64 `json:"steadyBytes"`
}

// suspend is the time from sending each suspend until it was to be seen.
type suspend struct {
	PinsyncSeconds  []float64 `json:"pinsyncSeconds"`
	BareLoopSeconds []float64 `json:"bareLoopSeconds"`
}

// write is the time from sending a ConfigMap that is as large as the first of pinsync's list
// until it was to be seen.
type write struct {
	Bytes   int       `json:"bytes"`
	Seconds []float64 `json:"seconds"`
}

// burst is many suspends at once.
type burst struct {
	Suspends int `json:"suspends"`
	// PatchSeconds is from the first patch until the last was answered, SecondsAfter from
	// then until all were to be seen.
	PatchSeconds float64 `json:"patchSeconds"`
	SecondsAfter float64 `json:"secondsAfter"`
	// Writes are those of pinsync from the first patch until all were to be seen.
	Writes int `json:"writes"`
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

// percentile returns the smallest of some figures that so many percent of them do not
// exceed; NaN, there are none.
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
