// Command corpus measures how well releases are linked to policies: it plans real releases
// whose policies are known from Git, and compares the result.
//
//	go run ./hack/corpus [-recorded FILE] [-together] FOLDER
//
// The folder has packs, one per repository. With -recorded it fails if a figure is worse than
// the recorded one. With -together the policies of all packs are in one cluster, each
// pack's in namespaces of its own.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"git.oleks.space/oleks/pinsync/api/v1alpha1"
	"git.oleks.space/oleks/pinsync/hack/baseline"
	"git.oleks.space/oleks/pinsync/internal/pin"
)

func main() {
	recorded := flag.String("recorded", "", "fail if a figure is worse than in this `file`")
	together := flag.Bool("together", false, "put the policies of all packs in one cluster")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: corpus [-recorded FILE] [-together] FOLDER")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *recorded, *together, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "corpus:", err)
		os.Exit(1)
	}
}

// figures count what was expected and what was found.
type figures struct {
	Cases         int `json:"cases"`
	Policies      int `json:"policies"`
	LinkedOfThem  int `json:"linked"`
	Pins          int `json:"pins"`
	PinnedOfThem  int `json:"pinned"`
	ExtraPolicies int `json:"extra"`
	// strangers are linked policies that were not expected and follow another image,
	// whether they have resolved to a tag or not.
	strangers int
}

func (f *figures) add(other figures) {
	f.Cases += other.Cases
	f.Policies += other.Policies
	f.LinkedOfThem += other.LinkedOfThem
	f.Pins += other.Pins
	f.PinnedOfThem += other.PinnedOfThem
	f.ExtraPolicies += other.ExtraPolicies
	f.strangers += other.strangers
}

func (f *figures) linkRecall() float64 { return ratio(f.LinkedOfThem, f.Policies) }
func (f *figures) pinRecall() float64  { return ratio(f.PinnedOfThem, f.Pins) }
func (f *figures) extra() float64      { return ratio(f.ExtraPolicies, f.Cases) }

func ratio(part, whole int) float64 {
	if whole == 0 {
		return 1
	}
	return float64(part) / float64(whole)
}

// result has the figures that are recorded.
type result struct {
	WithoutLargest figures `json:"withoutLargest"`
	All            figures `json:"all"`
}

func run(folder, recorded string, together bool, out io.Writer) error {
	packs, err := readPacks(folder)
	if err != nil {
		return err
	}
	if together {
		putTogether(packs)
	}
	var r result
	fmt.Fprintf(out, "%-48s %6s %12s %12s %12s\n", "pack", "cases", "link recall", "pin recall", "extra/case")
	for i, p := range packs {
		f, err := measure(p, out)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		row(out, p.name, f)
		r.All.add(f)
		if i < len(packs)-1 {
			r.WithoutLargest.add(f)
		}
	}
	row(out, "all but the largest", r.WithoutLargest)
	row(out, "all", r.All)
	fmt.Fprintf(out, "links to policies of other images: %d\n", r.All.strangers)
	if recorded == "" {
		return nil
	}
	return r.compare(recorded)
}

func row(out io.Writer, name string, f figures) {
	fmt.Fprintf(out, "%-48s %6d %12.4f %12.4f %12.4f\n", name, f.Cases, f.linkRecall(), f.pinRecall(), f.extra())
}

// measure plans every case of a pack and prints each difference.
func measure(p *pack, out io.Writer) (figures, error) {
	var sum figures
	for i := range p.Cases {
		c := &p.Cases[i]
		s, err := p.snapshot(c)
		if err != nil {
			return sum, err
		}
		report := pin.Plan(s, pin.Options{})
		f := c.compare(report)
		f.strangers = p.strangers(c, report.Releases[0].Policies)
		sum.add(f)
		if f.LinkedOfThem < f.Policies || f.PinnedOfThem < f.Pins || f.ExtraPolicies > 0 {
			release := report.Releases[0]
			fmt.Fprintf(out, "  %s %s/%s: expected %v %v, linked %v, pinned %v\n", c.ID, c.Namespace, c.Name,
				c.Expect.Policies, c.Expect.Pins, release.Policies, release.Pins)
		}
	}
	return sum, nil
}

// compare counts what a plan has of what was expected. A linked policy that was not expected
// is extra only if it adds a pin that was not expected.
func (c *releaseEntry) compare(report *v1alpha1.PinReport) figures {
	f := figures{Cases: 1, Policies: len(c.Expect.Policies), Pins: len(c.Expect.Pins)}
	linked := report.Releases[0].Policies
	for _, policy := range c.Expect.Policies {
		if slices.Contains(linked, policy) {
			f.LinkedOfThem++
		}
	}
	for _, expected := range c.Expect.Pins {
		if slices.ContainsFunc(report.Pins, func(p v1alpha1.Pin) bool { return p.Pin == expected }) {
			f.PinnedOfThem++
		}
	}
	for _, policy := range linked {
		if !slices.Contains(c.Expect.Policies, policy) && !onlyExpected(report, policy, c.Expect.Pins) {
			f.ExtraPolicies++
		}
	}
	return f
}

// onlyExpected reports whether all pins of a policy are expected.
func onlyExpected(report *v1alpha1.PinReport, policy string, expected []string) bool {
	for _, p := range report.Pins {
		if slices.Contains(p.Via, "ImagePolicy "+policy) && !slices.Contains(expected, p.Pin) {
			return false
		}
	}
	return true
}

// compare returns an error that names each figure that is worse than the recorded one.
func (r *result) compare(name string) error {
	var before result
	if err := baseline.Read(name, &before); err != nil {
		return err
	}
	return errors.Join(
		worse("all but the largest", &r.WithoutLargest, &before.WithoutLargest),
		worse("all", &r.All, &before.All),
	)
}

func worse(name string, now, before *figures) error {
	var errs []error
	for _, figure := range []struct {
		what        string
		now, before float64
		bad         bool
	}{
		{"link recall", now.linkRecall(), before.linkRecall(), now.linkRecall() < before.linkRecall()},
		{"pin recall", now.pinRecall(), before.pinRecall(), now.pinRecall() < before.pinRecall()},
		{"extra links", now.extra(), before.extra(), now.extra() > before.extra()},
	} {
		if figure.bad {
			errs = append(errs, fmt.Errorf("%s: %s is %.4f, recorded is %.4f", name, figure.what, figure.now, figure.before))
		}
	}
	return errors.Join(errs...)
}
