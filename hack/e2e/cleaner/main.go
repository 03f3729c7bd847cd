// Command cleaner is a registry cleaner for tests: it deletes the versions of an owner's
// container images in Gitea to which no live pod refers and which no list of pins names. It
// shares no code with pinsync.
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
	"strings"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cleaner:", err)
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
	kept, err := live(ctx, kubeconfigs, host+"/"+*owner+"/")
	if err != nil {
		return err
	}
	for _, name := range pins {
		pinned, err := loadPins(name)
		if err != nil {
			return err
		}
		maps.Copy(kept, pinned)
	}
	return clean(ctx, &gitea{url: *url, owner: *owner, token: strings.TrimSpace(string(token))}, kept, out)
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
