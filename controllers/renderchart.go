package controllers

import (
	"context"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/controllers/convert"
	"git.oleks.space/oleks/pinsync/controllers/flux"
	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/chartimages"
	"git.oleks.space/oleks/pinsync/internal/image"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

// renderedChart is what became of a chart that was due.
type renderedChart struct {
	// spec is what the release asks for; nil, it could not be read.
	spec   *convert.ChartSpec
	inputs chartInputs
	// request is what to render; nil, nothing.
	request *chartimages.Request
	// images are nil where they could not be looked for now.
	images *pin.ChartImages
	// notRead is why the chart could not be fetched; isUnanswered is set if what the API server has was
	// needed for that, and could not be read.
	notRead      string
	isUnanswered bool
	// retryIn is after what time it is tried again; zero, when the inputs have changed.
	retryIn time.Duration
}

// prepare reads a release and fetches its chart. The result has a request if the chart is to be rendered.
func (c *chartImages) prepare(ctx context.Context, due *dueChart) *renderedChart {
	ctx, cancel := context.WithTimeout(ctx, namespaceTimeout)
	defer cancel()
	release := &flux.HelmRelease{}
	if err := c.live.Get(ctx, client.ObjectKey{Namespace: due.id.Namespace, Name: due.id.Name.Name}, release); err != nil {
		if apierrors.IsNotFound(err) {
			return &renderedChart{}
		}
		result := &renderedChart{inputs: due.inputs}
		result.unanswered("the release", err)
		return result
	}
	result := &renderedChart{spec: convert.ChartSpecOf(release), inputs: due.inputs}
	revision := convert.Release(release).Revision
	if result.inputs.revision != revision { // what was due is known only now, or has changed
		result.inputs.revision = revision
		return result
	}
	values := &valuesReader{ctx: ctx, live: c.live, readSecrets: c.readSecrets, objects: map[convert.ValuesRef]convert.ValuesObject{}}
	request, err := convert.ChartRequest(release, values.lookUp)
	if values.err != nil {
		result.unanswered("its values", values.err)
		return result
	}
	if err != nil {
		result.images = notRendered(err)
		return result
	}
	chart := &result.inputs.chart
	if request.Archive, err = c.fetcher.Fetch(ctx, &chart.Artifact); err != nil {
		result.notRead = image.Shorten(err.Error())
		if !budget.IsExceeded(err) {
			result.retryIn = readRetry
		}
		return result
	}
	request.KubeVersion, request.APIVersions = c.cluster.versions()
	request.Folder, request.IgnoreMissingValuesFiles = chart.Folder, chart.IgnoreMissingValuesFiles
	request.ValuesFiles = strings.FieldsFunc(chart.ValuesFiles, func(r rune) bool { return r == '\n' })
	result.request = request
	return result
}

// render renders the chart of a request. That has a limit of its own, which the configuration sets.
func (c *chartImages) render(ctx context.Context, result *renderedChart) {
	chart, inputs := &result.inputs.chart, ""
	if !result.request.Secret { // else the report must not have a digest of them
		inputs = c.digestOf(&result.inputs)
	}
	result.images = c.find(ctx, result.request)
	result.images.SetEntry(chart.Source.Kind+" "+chart.Source.Name.String(), chart.Artifact.Revision, inputs)
}

// unanswered notes that the API server could not be asked for something, which is tried again soon.
func (r *renderedChart) unanswered(what string, err error) {
	r.notRead, r.isUnanswered, r.retryIn = what+" could not be read: "+image.Shorten(err.Error()), true, readRetry
}

func notRendered(err error) *pin.ChartImages {
	return &pin.ChartImages{Problems: []v1alpha1.Problem{{Reason: v1alpha1.ReasonChartNotRendered, Message: image.Shorten(err.Error())}}}
}

// valuesReader reads what the values of one release come from, each object once.
type valuesReader struct {
	ctx         context.Context //nolint:containedctx // it is for one release
	live        client.Reader
	readSecrets bool
	objects     map[convert.ValuesRef]convert.ValuesObject
	err         error
}

func (v *valuesReader) lookUp(ref convert.ValuesRef) convert.ValuesObject {
	if ref.Kind == convert.SecretKind && !v.readSecrets {
		return convert.ValuesObject{NotRead: convert.SecretsIgnored}
	}
	if known, ok := v.objects[ref]; ok {
		return known
	}
	data, version, err := convert.ReadValues(v.ctx, v.live, ref)
	if err != nil {
		v.err = err
		return convert.ValuesObject{NotRead: err.Error()}
	}
	v.objects[ref] = convert.ValuesObject{Data: data, Version: version}
	return v.objects[ref]
}
