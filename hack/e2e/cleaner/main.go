// Command cleaner is a registry cleaner for tests: it deletes the versions of an owner's
// container images in Gitea to which no live pod refers and which no list of pins names. It
// shares no code with pinsync.
//
// Arguments after the flags are a command that writes the pins. It runs after the pods were read,
// with --since and the time of that; unless it succeeds, the cleaner exits with its code.
//
// A digest, as Gitea lists a manifest without a tag, is kept if a pod names it, or if it is a
// child of an index that is kept. If anything cannot be read, nothing is deleted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cleaner:", err)
		if refused, ok := errors.AsType[*exec.ExitError](err); ok {
			os.Exit(max(refused.ExitCode(), 1))
		}
		os.Exit(1)
	}
}

// version is a version of an image: a tag or a digest.
type version struct{ image, version string }

func (v version) String() string { return "container/" + v.image + "==" + v.version }

// run lists the pods before it reads the pins, and prints the versions that it deletes.
func run(ctx context.Context, args []string, out io.Writer) error {
	var kubeconfigs, pins []string
	flags := flag.NewFlagSet("cleaner", flag.ContinueOnError)
	url := flags.String("gitea", "", "`URL` of Gitea")
	owner := flags.String("owner", "", "`NAME` of the owner whose images are cleaned")
	tokenFile := flags.String("token", "", "`FILE` with a token of the owner")
	limit := flags.Duration("limit", time.Hour, "delete nothing if it takes longer from reading the pods to reading the pins")
	flags.Func("kubeconfig", "kubeconfig `FILE` of a cluster; repeatable", appendTo(&kubeconfigs))
	flags.Func("pins", "`FILE` of pins; repeatable", appendTo(&pins))
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *url == "" || *owner == "" || *tokenFile == "" || len(kubeconfigs) == 0 || len(pins) == 0 {
		return errors.New("-gitea, -owner, -token, -kubeconfig and -pins are required")
	}
	token, err := os.ReadFile(*tokenFile)
	if err != nil {
		return err
	}
	_, host, _ := strings.Cut(*url, "://")
	reading := time.Now()
	kept, err := live(ctx, kubeconfigs, host+"/"+*owner+"/")
	if err != nil {
		return err
	}
	if err := export(ctx, flags.Args(), time.Now()); err != nil {
		return err
	}
	for _, name := range pins {
		pinned, err := loadPins(name)
		if err != nil {
			return err
		}
		maps.Copy(kept, pinned)
	}
	if taken := time.Since(reading); taken > *limit {
		return fmt.Errorf("the pods were read %s before the pins, want at most %s", taken, *limit)
	}
	return clean(ctx, &gitea{url: *url, owner: *owner, token: strings.TrimSpace(string(token))}, kept, out)
}

// export runs the command that writes the pins, if there is one.
func export(ctx context.Context, command []string, since time.Time) error {
	if len(command) == 0 {
		return nil
	}
	args := slices.Concat(command[1:], []string{"--since", since.UTC().Format(time.RFC3339Nano)})
	exported := exec.CommandContext(ctx, command[0], args...) //nolint:gosec // the command that the user named
	exported.Stderr = os.Stderr
	if err := exported.Run(); err != nil {
		return fmt.Errorf("%s: %w", command[0], err)
	}
	return nil
}

func appendTo(list *[]string) func(string) error {
	return func(value string) error {
		*list = append(*list, value)
		return nil
	}
}

func clean(ctx context.Context, g *gitea, kept map[version]bool, out io.Writer) error {
	all, err := g.versions(ctx)
	if err != nil {
		return err
	}
	unneeded, err := choose(all, kept, func(v version) ([]string, error) { return g.children(ctx, v) })
	if err != nil {
		return err
	}
	for _, v := range unneeded {
		if err := g.remove(ctx, v); err != nil {
			return err
		}
		fmt.Fprintln(out, v)
	}
	return nil
}
