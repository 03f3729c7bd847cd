package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/internal/chartimages"
	"git.oleks.space/oleks/pinsync/internal/manifest"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/render"
)

// release is a release of the pack, and the images that Helm renders for it.
type release struct {
	name  string
	Chart struct {
		Dir         string   `json:"dir"`
		ValuesFiles []string `json:"valuesFiles"`
	} `json:"chart"`
	HelmRelease map[string]any    `json:"helmRelease"`
	ConfigMaps  []json.RawMessage `json:"configMaps"`
	Truth       []known           `json:"truth"`
}

// known is an image that Helm renders.
type known struct {
	Image string `json:"image"`
	// Where are the kinds of places that name it: pod, cr, hook, test, indirect.
	Where []string `json:"where"`
	// Class is how much of it the values name.
	Class string `json:"cls"`
}

func readReleases(pack string) ([]*release, error) {
	files, err := filepath.Glob(filepath.Join(pack, "*__*.json"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no releases in %s", pack)
	}
	releases := make([]*release, 0, len(files))
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // a file of the folder that the developer names
		if err != nil {
			return nil, err
		}
		r := &release{name: strings.TrimSuffix(filepath.Base(file), ".json")}
		if err := json.Unmarshal(text, r); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		releases = append(releases, r)
	}
	return releases, nil
}

// kubeVersion is that of the pack.
const kubeVersion = "v1.37.0"

// asked is where a template asks what the cluster serves.
var asked = regexp.MustCompile(`APIVersions\.Has\s+"([^"]+)"`)

// gone are the APIs that the Kubernetes of the pack does not serve, and those of other platforms.
var gone = regexp.MustCompile(`^(extensions/|apps/v1beta|batch/v[12](alpha|beta)|policy/v1beta1|networking\.k8s\.io/v1beta1|` +
	`rbac\.authorization\.k8s\.io/v1(alpha|beta)|autoscaling/v2beta|apiextensions\.k8s\.io/v1beta1|storage\.k8s\.io/v1beta1|` +
	`admissionregistration\.k8s\.io/v1beta1|[a-z.]+\.openshift\.io/)`)

// readChart returns the release's chart, and the APIs that it asks for.
func (r *release) readChart(charts string) (archive []byte, versions []string, err error) {
	folder := os.DirFS(filepath.Join(charts, r.Chart.Dir))
	if _, err := fs.Stat(folder, "Chart.yaml"); err != nil {
		return nil, nil, errors.New("its chart is not there")
	}
	found := map[string]bool{}
	err = fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !strings.Contains(name, "templates/") {
			return err
		}
		text, err := fs.ReadFile(folder, name)
		for _, match := range asked.FindAllSubmatch(text, -1) {
			if version := string(match[1]); !gone.MatchString(version) {
				found[version] = true
			}
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	archive, err = render.Pack(folder)
	return archive, slices.Sorted(maps.Keys(found)), err
}

// plan plans a cluster with the release alone. What the pack does not know is left out:
// post-renderers.
func (r *release) plan(ctx context.Context, finder *chartimages.Finder, archive []byte, versions []string) (*v1alpha1.PinReport, error) {
	if spec, isMap := r.HelmRelease["spec"].(map[string]any); isMap {
		delete(spec, "postRenderers")
	}
	object, err := json.Marshal(r.HelmRelease)
	if err != nil {
		return nil, err
	}
	var manifests convert.Manifests
	for _, text := range append(slices.Clone(r.ConfigMaps), object) {
		if err := manifest.Read(strings.NewReader(string(text)), r.name, manifests.Add); err != nil {
			return nil, err
		}
	}
	s, err := manifests.Snapshot(pin.Options{}, false, convert.ChartFinder{Images: func(_ convert.WantedChart, request *chartimages.Request) *pin.ChartImages {
		request.Archive, request.KubeVersion, request.APIVersions = archive, kubeVersion, render.KubernetesAPIs(versions...)
		return finder.Find(ctx, request)
	}})
	if err != nil {
		return nil, err
	}
	return pin.Plan(s, pin.Options{}), nil
}
