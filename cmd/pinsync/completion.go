package main

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"

	"git.oleks.space/oleks/pinsync/cmd/pinsync/internal/inspect"
	"git.oleks.space/oleks/pinsync/cmd/pinsync/internal/published"
)

// completionTimeout is how long a shell waits for names from a cluster.
const completionTimeout = 5 * time.Second

// complete sets what completes a flag.
func complete(cmd *cobra.Command, flag string, find cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, find); err != nil {
		panic(err) // the flag was added before
	}
}

// completeFiles lets the shell complete the names of files for flags.
func completeFiles(cmd *cobra.Command, flags ...string) {
	for _, flag := range flags {
		complete(cmd, flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		})
	}
}

// clusterOf returns the options of the cluster that a command line names.
func clusterOf(cmd *cobra.Command) *clusterOptions {
	o := &clusterOptions{}
	flags := cmd.Flags()
	o.kubeconfigs, _ = flags.GetStringArray("kubeconfig") // a command without the flag has the default
	o.contexts, _ = flags.GetStringArray("context")
	o.names, _ = flags.GetStringArray("name")
	o.as, _ = flags.GetString("as")
	o.pinsyncNamespace, _ = flags.GetString("pinsync-namespace")
	o.requestTimeout = completionTimeout
	// For completion, a command line is parsed twice, and appended to what it has.
	o.kubeconfigs, o.contexts = slices.Compact(o.kubeconfigs), slices.Compact(o.contexts)
	return o
}

func completeContexts(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, file := range clusterOf(cmd).files() {
		if raw, err := rawConfig(file); err == nil {
			names = slices.AppendSeq(names, maps.Keys(raw.Contexts))
		}
	}
	slices.Sort(names)
	return names, cobra.ShellCompDirectiveNoFileComp
}

// namesOf returns the names of a cluster's objects.
func namesOf(cmd *cobra.Command, resource schema.GroupVersionResource, namespace string) []string {
	cluster, err := clusterOf(cmd).one()
	if err != nil {
		return nil
	}
	client, err := metadata.NewForConfig(cluster)
	if err != nil {
		return nil
	}
	list, err := client.Resource(resource).Namespace(namespace).List(cmd.Context(), metav1.ListOptions{})
	if err != nil {
		return nil
	}
	names := make([]string, len(list.Items))
	for i := range list.Items {
		names[i] = list.Items[i].Name
	}
	return names
}

func completeNamespaces(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return namesOf(cmd, schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}, ""), cobra.ShellCompDirectiveNoFileComp
}

// completeReleases completes NAME, NAMESPACE/NAME and helmrelease/NAME.
func completeReleases(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	namespace, _ := cmd.Flags().GetString("namespace") // the command has the flag
	prefix, _, hasPrefix := strings.Cut(typed, "/")
	if hasPrefix && !isReleaseKind(prefix) {
		namespace = prefix
	}
	if namespace == "" {
		namespace, _ = clusterOf(cmd).contextNamespace() // without one there is nothing to complete
	}
	names := namesOf(cmd, inspect.Releases(), namespace)
	for i := range names {
		if hasPrefix {
			names[i] = prefix + "/" + names[i]
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func completePins(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var pins []string
	o := clusterOf(cmd)
	if cluster, err := o.one(); err == nil && len(args) == 0 {
		lists, _ := published.Read(cmd.Context(), cluster, o.pinsyncNamespace, o.names) // without one there is nothing to complete
		for i := range lists {
			pins = append(pins, lists[i].Pins...)
		}
	}
	return pins, cobra.ShellCompDirectiveNoFileComp
}
