package testbed

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"embed"
	"errors"
	"io/fs"
)

const (
	// ChartName is the name of the chart that releases are of: a Deployment with the release's name,
	// whose Pods have the label app with that name.
	ChartName = "app"

	// ChartVersion is the version of that chart.
	ChartVersion = "1.0.0"

	// ChartContentType is the media type of a chart's archive.
	ChartContentType = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"

	// ChartConfigType is the media type of what describes a chart.
	ChartConfigType = "application/vnd.cncf.helm.config.v1+json"
)

//go:embed all:testdata/app
var chartFiles embed.FS

// Chart returns the chart as Helm packs it.
func Chart() ([]byte, error) {
	files, err := fs.Sub(chartFiles, "testdata")
	if err != nil {
		return nil, err
	}
	return Archive(files)
}

// Archive returns files as a compressed tar archive.
func Archive(files fs.FS) ([]byte, error) {
	var buffer bytes.Buffer
	zip := gzip.NewWriter(&buffer)
	writer := tar.NewWriter(zip)
	err := errors.Join(writer.AddFS(files), writer.Close(), zip.Close())
	return buffer.Bytes(), err
}

// PushChart pushes the chart as an OCI artifact.
func (r *Registry) PushChart(ctx context.Context) error {
	chart, err := Chart()
	if err != nil {
		return err
	}
	config := map[string]string{"apiVersion": "v2", "name": ChartName, "version": ChartVersion}
	return r.PushArtifact(ctx, ChartName, ChartVersion, ChartConfigType, config, ChartContentType, chart)
}
