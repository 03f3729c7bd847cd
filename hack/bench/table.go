package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// row is a row of the table, with a figure of each size; NaN if it was not measured.
type row struct {
	name string
	of   func(*figures) float64
}

// kibi and mebi are numbers of bytes, milliseconds is the number in a second.
const (
	kibi         = 1 << 10
	mebi         = 1 << 20
	milliseconds = 1000
)

// rows are the table's rows.
func rows() []row {
	seconds := func(s oneStart) float64 { return s.Seconds }
	cpu := func(s oneStart) float64 { return s.CPUSeconds }
	return slices.Concat(
		compared("start to first complete list, s", "bare list of the same kinds, s",
			func(f *figures) float64 { return median(f.Starts.Pinsync, seconds) },
			func(f *figures) float64 { return median(f.Starts.BareList, seconds) }),
		compared("CPU of the start, s", "CPU of the bare list, s",
			func(f *figures) float64 { return median(f.Starts.Pinsync, cpu) },
			func(f *figures) float64 { return median(f.Starts.BareList, cpu) }),
		suspendRows(50), suspendRows(99), writeRows(), burstRows(), sizeRows(), idleRows(),
		compared("peak memory of the start, MiB", "peak memory of bare informers, MiB",
			func(f *figures) float64 { return float64(f.Memory.Pinsync.PeakBytes) / mebi },
			func(f *figures) float64 { return float64(f.Memory.Informers.PeakBytes) / mebi }),
		compared("steady memory, MiB", "steady memory of bare informers, MiB",
			func(f *figures) float64 { return float64(f.Memory.Pinsync.SteadyBytes) / mebi },
			func(f *figures) float64 { return float64(f.Memory.Informers.SteadyBytes) / mebi }),
		compared("of that, pages of the binary, MiB", "the same of bare informers, MiB",
			func(f *figures) float64 { return float64(f.Memory.Pinsync.FileBytes) / mebi },
			func(f *figures) float64 { return float64(f.Memory.Informers.FileBytes) / mebi }),
		kubectlRows(),
	)
}

// compared returns the rows of a figure, of the one that it is compared with, and of the
// ratio.
func compared(name, other string, of, ofOther func(*figures) float64) []row {
	return []row{
		{name, of},
		{other, ofOther},
		{"ratio", func(f *figures) float64 { return of(f) / ofOther(f) }},
	}
}

func suspendRows(percent float64) []row {
	return compared(fmt.Sprintf("suspend to visible, p%g, ms", percent), fmt.Sprintf("the same by the bare loop, p%g, ms", percent),
		func(f *figures) float64 { return percentile(f.Suspend.PinsyncSeconds, percent) * milliseconds },
		func(f *figures) float64 { return percentile(f.Suspend.BareLoopSeconds, percent) * milliseconds })
}

func writeRows() []row {
	return []row{
		{"a write as large as the list's, p50, ms", func(f *figures) float64 { return percentile(f.Write.Seconds, 50) * milliseconds }},
		{"size of that write, KiB", func(f *figures) float64 { return float64(f.Write.Bytes) / kibi }},
	}
}

func burstRows() []row {
	return []row{
		{"suspends at once", func(f *figures) float64 { return float64(f.Burst.Suspends) }},
		{"last response to all visible, s", func(f *figures) float64 { return f.Burst.SecondsAfter }},
		{"writes of the list until then", func(f *figures) float64 { return float64(f.Burst.Writes) }},
		{"writes of the report for all", func(f *figures) float64 { return float64(f.Burst.ReportWrites) }},
	}
}

func sizeRows() []row {
	return []row{
		{"size of the list, KiB", func(f *figures) float64 { return float64(f.List.Bytes) / kibi }},
		{"ConfigMaps of the list", func(f *figures) float64 { return float64(f.List.Objects) }},
		{"size of the report, KiB", func(f *figures) float64 { return float64(f.Report.Bytes) / kibi }},
		{"ConfigMaps of the report", func(f *figures) float64 { return float64(f.Report.Objects) }},
	}
}

func idleRows() []row {
	perMinute := func(f *figures, n float64) float64 { return n / f.Idle.Seconds * time.Minute.Seconds() }
	return append(
		compared("CPU while idle, s a minute", "the same of bare informers, s a minute",
			func(f *figures) float64 { return perMinute(f, f.Idle.PinsyncCPUSeconds) },
			func(f *figures) float64 { return perMinute(f, f.Idle.InformersCPUSeconds) }),
		row{"API requests while idle, a minute", func(f *figures) float64 { return perMinute(f, float64(f.Idle.requests())) }},
	)
}

func kubectlRows() []row {
	of := func(figure func(*kubectlPass) float64) func(*figures) float64 {
		return func(f *figures) float64 {
			if f.Kubectl == nil {
				return math.NaN()
			}
			return figure(f.Kubectl)
		}
	}
	return []row{
		{"one run of kubectl and jq, s", of(func(k *kubectlPass) float64 { return k.Seconds })},
		{"CPU of that run, s", of(func(k *kubectlPass) float64 { return k.CPUSeconds })},
		{"peak memory of kubectl, MiB", of(func(k *kubectlPass) float64 { return float64(k.KubectlPeakBytes) / mebi })},
		{"peak memory of jq, MiB", of(func(k *kubectlPass) float64 { return float64(k.JQPeakBytes) / mebi })},
	}
}

func (i *idle) requests() int {
	sum := 0
	for _, n := range i.Requests {
		sum += n
	}
	return sum
}

// print prints the figures as a table in Markdown, and below it the conditions.
func (r *result) print(out io.Writer) {
	table := [][]string{{"HelmReleases"}}
	for i, f := range r.Sizes {
		table[0] = append(table[0], strconv.Itoa(f.Releases))
		if i > 0 {
			table[0] = append(table[0], fmt.Sprintf("growth (%sx)", short(float64(f.Releases)/float64(r.Sizes[i-1].Releases))))
		}
	}
	for _, row := range rows() {
		cells := []string{row.name}
		for i, f := range r.Sizes {
			cells = append(cells, short(row.of(f)))
			if i > 0 {
				cells = append(cells, growth(row.of(r.Sizes[i-1]), row.of(f)))
			}
		}
		table = append(table, cells)
	}
	if len(r.Sizes) > 0 {
		printTable(out, table)
	}
	if r.Charts != nil {
		fmt.Fprintf(out, "\n%s", r.Charts.lines())
	}
	fmt.Fprintf(out, "\n%s with %s and %s, %s.\n", r.Pinsync, r.KubeAPIServer, r.Etcd, r.Date.Format(time.DateOnly))
	fmt.Fprintf(out, "%d cores of %s, %d GiB, %s.\n", r.Machine.Cores, r.Machine.CPU, r.Machine.MemoryBytes>>30, r.Machine.Go)
	fmt.Fprintf(out, "Starts: the median of %d, without leader election.\n", startsEach)
	for _, f := range r.Sizes {
		fmt.Fprintf(out, "%d: %d objects, loaded in %.0f s; suspended one at a time: %d for each; requests in %.0f s while idle: %s.\n",
			f.Releases, f.Load.Objects, f.Load.Seconds, len(f.Suspend.PinsyncSeconds), f.Idle.Seconds, f.Idle.list())
		if f.Kubectl == nil {
			fmt.Fprintf(out, "%d: %s.\n", f.Releases, f.WithoutKubectl)
		}
	}
}

// list returns the requests as text.
func (i *idle) list() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(i.Requests)) {
		parts = append(parts, fmt.Sprintf("%d %s", i.Requests[name], name))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// printTable prints rows, the first of which is the header, with aligned columns.
func printTable(out io.Writer, table [][]string) {
	widths := make([]int, len(table[0]))
	for _, cells := range table {
		for i, cell := range cells {
			widths[i] = max(widths[i], len(cell))
		}
	}
	for n, cells := range table {
		for i, cell := range cells {
			if i == 0 {
				fmt.Fprintf(out, "| %-*s |", widths[i], cell)
			} else {
				fmt.Fprintf(out, " %*s |", widths[i], cell)
			}
		}
		fmt.Fprintln(out)
		if n > 0 {
			continue
		}
		for i, width := range widths {
			if i == 0 {
				fmt.Fprintf(out, "|%s|", strings.Repeat("-", width+2))
			} else {
				fmt.Fprintf(out, "%s:|", strings.Repeat("-", width+1))
			}
		}
		fmt.Fprintln(out)
	}
}

// unknown is printed for a figure that was not measured.
const unknown = "-"

// growth returns the ratio of a figure to the one before it.
func growth(before, now float64) string {
	times := short(now / before)
	if times == unknown {
		return times
	}
	return times + "x"
}

// short returns a figure with about three digits.
func short(figure float64) string {
	switch size := math.Abs(figure); {
	case math.IsNaN(figure) || math.IsInf(figure, 0):
		return unknown
	case size >= 100 || figure == math.Trunc(figure):
		return strconv.FormatFloat(figure, 'f', 0, 64)
	case size >= 10:
		return strconv.FormatFloat(figure, 'f', 1, 64)
	default:
		return strconv.FormatFloat(figure, 'f', 2, 64)
	}
}
