package chartimages

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"git.oleks.space/oleks/pinsync/internal/budget"
	"git.oleks.space/oleks/pinsync/internal/pin"
	"git.oleks.space/oleks/pinsync/internal/render"
	"git.oleks.space/oleks/pinsync/internal/sandbox"
)

// Finder finds images as Find does, in processes with limits.
type Finder struct{ pool *sandbox.Pool }

// Limits are what finding the images of one chart may take: memory in bytes, and time by the clock.
type Limits struct {
	Memory int
	Time   time.Duration
}

// DefaultLimits are those of the budget.
func DefaultLimits() Limits { return Limits{budget.RenderMemory, budget.RenderTime} }

// NewFinder returns a Finder with so many processes at most, which it starts when they are needed.
// The command must call Serve with the same limits.
func NewFinder(processes int, limits Limits, command ...string) *Finder {
	return &Finder{sandbox.NewPool(processes, limits.sandbox(), command...)}
}

func (l Limits) sandbox() sandbox.Limits {
	return sandbox.Limits{Memory: l.Memory, Time: l.Time, Request: budget.RenderRequest, Answer: budget.RenderAnswer}
}

// Serve finds images for a Finder in the process that started this one.
func Serve(limits Limits, in io.Reader, out io.Writer) error {
	var charts render.Charts
	return sandbox.Serve(limits.sandbox(), in, out, func(request []byte) []byte {
		var answer any
		if r, err := decode(request); err != nil {
			answer = unreadable(err)
		} else {
			answer = Find(&charts, r)
		}
		text, err := json.Marshal(answer)
		if err != nil {
			return nil
		}
		return text
	})
}

// Find finds the images of a release's chart. What the chart does to the process is a problem of
// that release: where it takes too much to render the chart in all ways, it is rendered in that which the release's
// history shows, and if that fails, too, the images are those of its defaults.
func (f *Finder) Find(ctx context.Context, r *Request) *pin.ChartImages {
	found, err := f.ask(ctx, r)
	if errors.Is(err, sandbox.ErrTime) || errors.Is(err, sandbox.ErrMemory) {
		inOneWay := *r
		inOneWay.NotInAllWays = reasonOf(err)
		found, err = f.ask(ctx, &inOneWay)
	}
	if err == nil {
		return found
	}
	again := *r
	again.NotRendered = reasonOf(err)
	if found, err = f.ask(ctx, &again); err != nil {
		return unreadable(err)
	}
	return found
}

func (f *Finder) ask(ctx context.Context, r *Request) (*pin.ChartImages, error) {
	request, err := r.encode()
	if err != nil {
		return nil, err
	}
	answer, err := f.pool.Do(ctx, request)
	if err != nil {
		return nil, err
	}
	found := &pin.ChartImages{}
	return found, json.Unmarshal(answer, found)
}

// encode returns a request for the process that renders: as JSON, and behind that the archive as it is.
func (r *Request) encode() ([]byte, error) {
	text, err := json.Marshal(r)
	return append(text, r.Archive...), err
}

// decode decodes what encode has encoded. The archive is a part of it.
func decode(request []byte) (*Request, error) {
	r, decoder := &Request{}, json.NewDecoder(bytes.NewReader(request))
	err := decoder.Decode(r)
	r.Archive = request[decoder.InputOffset():]
	return r, err
}

// Close ends the processes.
func (f *Finder) Close() { f.pool.Close() }

// reasonOf returns what a chart did to its process.
func reasonOf(err error) string {
	for _, reason := range []error{sandbox.ErrTime, sandbox.ErrMemory, sandbox.ErrAnswer, sandbox.ErrEnded} {
		if errors.Is(err, reason) {
			return "rendering it " + shorten(oneLine(err.Error()))
		}
	}
	return shorten(oneLine(err.Error()))
}
