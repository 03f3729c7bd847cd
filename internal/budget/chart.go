package budget

import "time"

// Of a chart, and of rendering it. A chart is a program of its tenant.
const (
	// ChartBytes is the size of an archive: source-controller's own limit. ChartUnpacked is that of
	// all files in it, and in the archives of sub-charts in it.
	ChartBytes    = 10 << 20
	ChartUnpacked = 64 << 20

	// ChartFiles is how many files a chart and its sub-charts may have, and ChartNesting how deep
	// the archives of sub-charts may be nested. Large public charts have some 400 files.
	ChartFiles   = 5_000
	ChartNesting = 5

	// ChartsKept is how many bytes of archives are kept at a time, for other releases of the same chart.
	ChartsKept = 16 << 20

	// LoadedCharts is how many bytes of loaded charts, their files, values and parsed templates, are kept by the
	// process that renders, for other releases of the same charts: counted generously, mostly half of that.
	LoadedCharts = 20 << 20

	// SourceFiles is how many files the source of a chart may have, such as a Git repository.
	SourceFiles = 20_000

	// ValuesFiles is how many files of a chart's source may replace its defaults.
	ValuesFiles = 100

	// RenderedBytes is how much a chart may render, and RenderedObjects how many objects.
	RenderedBytes   = 32 << 20
	RenderedObjects = 20_000

	// RenderTime and RenderMemory are what rendering one release may take. Public charts take up to
	// a second of a core and 100 MiB; where the process gets a tenth of a core, that is ten seconds by
	// the clock.
	RenderTime   = 30 * time.Second
	RenderMemory = 128 << 20

	// RenderRequest and RenderAnswer are the largest messages to and from the process that renders,
	// in bytes: a chart and its values, and the images.
	RenderRequest = 32 << 20
	RenderAnswer  = 8 << 20

	// ChartMentions is how many images may be kept that the charts of one namespace name, some 250 bytes
	// each. A large public chart names 30.
	ChartMentions = 50_000

	// RequestedCharts is how many HelmCharts may be made at a time for the releases of one namespace.
	// source-controller looks after each, for as long as its release is suspended.
	RequestedCharts = 200

	// ChartEntry is how many bytes the report has of the chart of one release. Where that does not
	// suffice, the chart is rendered again after a restart.
	ChartEntry = 64 << 10

	// RenderMessage is the longest error of a chart that is repeated, in bytes, and RenderProblems
	// how many problems are returned.
	RenderMessage  = 500
	RenderProblems = 100
)
