// Command pinsync keeps the image tags that suspended Flux releases need from
// being cleaned out of their registry.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"git.oleks.space/oleks/pinsync/internal/object"
)

// Exit codes. Every command has the first two.
const (
	exitFailed = 1
	exitUsage  = 2
	// exitRefused is that of export when a cleaner must not use the list.
	exitRefused = 3
	// exitMissing and exitUnknown are those of check and explain: a tag is missing, or it is
	// unknown whether it is.
	exitMissing = 4
	exitUnknown = 5
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run executes the command line and returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	root := newRootCommand(programName()) //nolint:contextcheck // cobra hands the context to the command that runs
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(errOut, "pinsync:", describe(err)) // one line, whatever the error quotes
	if coded, ok := errors.AsType[*exitError](err); ok {
		return coded.code
	}
	return exitFailed
}

// exitError is an error with the exit code of the program.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// usageError is an error in the user's input: flags, arguments, configuration.
func usageError(err error) error { return &exitError{exitUsage, err} }

// programName returns how the program was started: kubectl runs kubectl-pinsync as kubectl pinsync.
func programName() string {
	if strings.HasPrefix(filepath.Base(os.Args[0]), "kubectl-") {
		return "kubectl pinsync"
	}
	return "pinsync"
}

func newRootCommand(program string) *cobra.Command {
	root := &cobra.Command{
		Use:   "pinsync",
		Short: "Keep the image tags that suspended Flux releases need",
		Long: "pinsync watches Flux HelmReleases and ImagePolicies and lists the image tags that\n" +
			"suspended releases need to resume, for a registry cleaner to keep.",
		Annotations:                map[string]string{cobra.CommandDisplayNameAnnotation: program},
		Version:                    version(),
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		Args:                       noSuchCommand,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Name() != controllerName {
				// The libraries return errors, too: nothing is lost.
				klog.SetLogger(logr.Discard())
				log.SetLogger(logr.Discard())
			}
			return checkFlags(cmd.Flags(), cmd.ErrOrStderr())
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	root.AddCommand(newStatusCommand(), newExplainCommand(), newWhyCommand(), newCheckCommand(), newExportCommand(),
		newPlanCommand(), newControllerCommand(), newRenderCommand(), newVersionCommand())
	for _, cmd := range root.Commands() {
		if cmd.Name() != controllerName { // its arguments are patched, and the last one counts
			allowOnce(cmd.Flags())
		}
		cmd.Example = strings.ReplaceAll(cmd.Example, "pinsync ", program+" ")
	}
	return root
}

// noSuchCommand returns an error for the name of a command that does not exist, with those that are
// like it.
func noSuchCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	meant := "see " + root.CommandPath() + " --help"
	if near := root.SuggestionsFor(args[0]); len(near) > 0 {
		meant = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return usageError(fmt.Errorf("there is no command %q: %s", args[0], meant))
}

// noArgs returns an error if there is an argument, and the flag for which it may be meant, if any.
func noArgs(flag string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		meant := "see " + cmd.CommandPath() + " --help"
		if flag != "" {
			meant = fmt.Sprintf("did you mean %s %s?", flag, args[0])
		}
		return usageError(fmt.Errorf("%s takes no argument %q: %s", cmd.Name(), args[0], meant))
	}
}

// oneArg returns an error unless there is one argument, and describes it.
func oneArg(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%s, not %s", what, object.Amount(len(args), "argument"))
		}
		return nil
	}
}

// usageArgs returns a check of a command's arguments whose errors are usage errors.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError(fmt.Errorf("%w; see %s --help", err, cmd.CommandPath()))
		}
		return nil
	}
}
