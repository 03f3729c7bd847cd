package fleet

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"helm.sh/helm/v4/pkg/chart/v2/util"

	"git.oleks.space/oleks/pinsync/internal/render"
)

// Chart is a chart that releases share: the one that `helm create` makes, with sub-charts of the
// same make.
type Chart struct {
	Name    string
	Archive []byte
	// Pins are the lines of the list for the images of its sub-charts, which no values name.
	Pins []string
}

// maxSubCharts is how many sub-charts a chart has at most.
const maxSubCharts = 5

// Charts returns charts with one to maxSubCharts sub-charts.
func Charts(n int) ([]Chart, error) {
	folder, err := os.MkdirTemp("", "pinsync-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder) //nolint:errcheck // it is temporary
	charts := make([]Chart, n)
	for i := range charts {
		if charts[i], err = newChart(folder, i); err != nil {
			return nil, err
		}
	}
	return charts, nil
}

func newChart(folder string, i int) (chart Chart, err error) {
	chart.Name = fmt.Sprintf("chart-%02d", i)
	if err := create(folder, chart.Name, "2.0.0"); err != nil {
		return chart, err
	}
	for sub := range 1 + i%maxSubCharts {
		name, version := fmt.Sprintf("%s-part-%d", chart.Name, sub), fmt.Sprintf("1.%d.%d", i, sub)
		if err := create(filepath.Join(folder, chart.Name, "charts"), name, version); err != nil {
			return chart, err
		}
		chart.Pins = append(chart.Pins, "container/"+name+"=="+version)
	}
	chart.Archive, err = render.Pack(os.DirFS(filepath.Join(folder, chart.Name)))
	return chart, err
}

// create makes a chart with an image of its own.
func create(folder, name, version string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	chart, err := util.Create(name, folder)
	if err != nil {
		return err
	}
	for file, replace := range map[string]*strings.Replacer{
		"Chart.yaml":  strings.NewReplacer(`"1.16.0"`, fmt.Sprintf("%q", version)),
		"values.yaml": strings.NewReplacer("repository: nginx", "repository: registry.example.com/charts/"+name),
	} {
		path := filepath.Join(chart, file)
		text, err := os.ReadFile(path) //nolint:gosec // a file that was just made
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(replace.Replace(string(text))), 0o600); err != nil { //nolint:gosec // the same
			return err
		}
	}
	return nil
}
