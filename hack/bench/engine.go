package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"runtime"
	"time"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"

	"git.oleks.space/oleks/pinsync/hack/bench/fleet"
)

// measureEngine renders all releases with Helm's engine alone, on one core, each chart loaded once:
// what rendering takes at least, by the clock and of a core.
func measureEngine(ctx context.Context, c *fleet.Charted) (seconds, cpuSeconds float64, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	began := time.Now()
	before, err := usageOf(os.Getpid())
	if err != nil {
		return 0, 0, err
	}
	loaded := make([]*chart.Chart, len(c.Charts))
	for i := range loaded {
		if loaded[i], err = loader.LoadArchive(bytes.NewReader(c.Charts[i].Archive)); err != nil {
			return 0, 0, err
		}
	}
	for i := range c.Apps {
		if err := renderBare(ctx, c, i, loaded[i%len(loaded)]); err != nil {
			return 0, 0, err
		}
	}
	after, err := usageOf(os.Getpid())
	return time.Since(began).Seconds(), (after.cpu - before.cpu).Seconds(), err
}

func renderBare(ctx context.Context, c *fleet.Charted, i int, loaded *chart.Chart) error {
	text, err := c.Values(&c.Apps[i])
	if err != nil {
		return err
	}
	values := common.Values{}
	if err := json.Unmarshal(text, &values); err != nil {
		return err
	}
	if err := chartutil.ProcessDependencies(loaded, values); err != nil {
		return err
	}
	key := c.Apps[i].Key()
	options := common.ReleaseOptions{Name: key.Name, Namespace: key.Namespace, Revision: 1, IsInstall: true}
	top, err := util.ToRenderValuesWithSchemaValidation(loaded, values, options, common.DefaultCapabilities, true)
	if err != nil {
		return err
	}
	_, err = engine.Engine{}.RenderWithContext(ctx, loaded, top)
	return err
}
