package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"git.oleks.space/oleks/pinsync/cmd/pinsync/internal/published"
	"git.oleks.space/oleks/pinsync/internal/pinlist"
)

const (
	// minPoll and maxPoll are how long export waits until it reads the lists again: most renewals
	// take less than two seconds, and reading a large list is work for the API server.
	minPoll = 250 * time.Millisecond
	maxPoll = 5 * time.Second

	// waitingPoll is the wait before which export prints that it waits: most renewals take less.
	waitingPoll = 8 * minPoll

	// requestInterval is how long after a request for a renewal the next one is made: the
	// controller's clock may be behind, so that what it answered does not suffice.
	requestInterval = 5 * time.Second
)

// readReliable reads the lists of all clusters concurrently, and returns an error if one of them
// may lack a pin. With --since it waits for lists that do not.
func readReliable(ctx context.Context, clusters []*rest.Config, o *exportOptions, errOut io.Writer) ([]pinlist.Published, error) {
	var mu sync.Mutex
	warn := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(errOut, "pinsync:", printable(text))
	}
	return readEach(ctx, clusters, func(ctx context.Context, cluster *rest.Config) ([]pinlist.Published, error) {
		r := &reliableReader{
			exportOptions: o, cluster: cluster, warn: warn, requests: map[string]renewalRequest{},
		}
		return r.read(ctx)
	})
}

// reliableReader reads the lists of a cluster until they are reliable.
type reliableReader struct {
	*exportOptions
	cluster *rest.Config
	// warn prints a line for people.
	warn func(string)
	// requests are the last requests for renewals, by list.
	requests map[string]renewalRequest
}

// renewalRequest is the last request for a renewal of a list, and why it failed.
type renewalRequest struct {
	at  time.Time
	err error
}

// read reads the lists until they are reliable or may not be waited for any longer. What cannot be
// read at the beginning is an error at once: waiting would not correct a wrong name.
func (r *reliableReader) read(ctx context.Context) ([]pinlist.Published, error) {
	begin := time.Now()
	lists, err := published.Read(ctx, r.cluster, r.pinsyncNamespace, r.names)
	if err != nil {
		return nil, err
	}
	isPast := func(l *pinlist.Published) error { return l.Read.CheckPast(r.since) }
	if err := r.each(lists, isPast); err != nil { // --since is to come
		return nil, err
	}
	for poll := minPoll; ; poll = min(2*poll, maxPoll) {
		if err == nil {
			err = r.check(lists)
		}
		if err == nil {
			err = r.checkReports(ctx, lists)
		}
		if err == nil {
			return lists, nil
		}
		left, follows := r.wait-time.Since(begin), errors.Is(err, pinlist.ErrEarlierReport)
		if r.since.IsZero() && !follows || left <= 0 {
			return nil, r.refusal(ctx, lists, err)
		}
		if poll == waitingPoll && !follows {
			r.warn(fmt.Sprintf("waiting up to %s: %v", r.wait, err))
		}
		r.request(ctx, lists)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(min(poll, left)):
		}
		lists, err = published.Read(ctx, r.cluster, r.pinsyncNamespace, r.names)
	}
}

// each returns the first error that check returns of a list.
func (r *reliableReader) each(lists []pinlist.Published, check func(*pinlist.Published) error) error {
	for i := range lists {
		if err := check(&lists[i]); err != nil {
			return fmt.Errorf("%s: %w", r.cluster.Host, err)
		}
	}
	return nil
}

// check returns an error if one of the lists may lack a pin.
func (r *reliableReader) check(lists []pinlist.Published) error {
	return r.each(lists, func(l *pinlist.Published) error {
		if err := l.Doubt(l.Read.At, r.maxAge, l.Report); err != nil || r.since.IsZero() {
			return err
		}
		return l.DoubtSince(r.since)
	})
}

// checkReports reads the reports where they are needed, and returns an error if one is not on the list that
// was read: then both are read again.
func (r *reliableReader) checkReports(ctx context.Context, lists []pinlist.Published) error {
	if !r.needsReports() {
		return nil
	}
	_ = published.ReadReports(ctx, r.cluster, r.pinsyncNamespace, lists) // what cannot be read is refused later
	return r.each(lists, (*pinlist.Published).DoubtReport)
}

// refusal returns the error of lists that are not reliable, with the reason in their reports.
func (r *reliableReader) refusal(ctx context.Context, lists []pinlist.Published, err error) error {
	if slices.ContainsFunc(lists, func(l pinlist.Published) bool { return !l.Complete }) {
		// A list says all that matters; the report only describes it.
		_ = published.ReadReports(ctx, r.cluster, r.pinsyncNamespace, lists)
		err = r.check(lists)
	}
	if r.since.IsZero() || r.wait == 0 {
		return err
	}
	for _, name := range r.names {
		if failure := r.requests[name].err; failure != nil && !apierrors.IsForbidden(failure) {
			return fmt.Errorf("%w (waited %s, and asking for a renewal failed: %w)", err, r.wait, failure)
		}
	}
	return fmt.Errorf("%w (waited %s)", err, r.wait)
}

// request asks for a renewal of the lists for which that would do.
func (r *reliableReader) request(ctx context.Context, lists []pinlist.Published) {
	for i := range lists {
		l := &lists[i]
		last := r.requests[l.Name]
		if !l.CanRenew(r.since) || time.Since(last.at) < requestInterval || apierrors.IsForbidden(last.err) {
			continue
		}
		err := published.RequestRenewal(ctx, r.cluster, l)
		r.requests[l.Name] = renewalRequest{time.Now(), err}
		if apierrors.IsForbidden(err) {
			r.warn(fmt.Sprintf("%s: no permission to ask for a renewal of the list %s, waiting for its heartbeat: %v", r.cluster.Host, l.Name, err))
		}
	}
}
