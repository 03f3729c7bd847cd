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
	"slices"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
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
	root := newRootCommand() //nolint:contextcheck // cobra hands the context to the command that runs
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(errOut, "pinsync:", printable(err.Error())) // one line, whatever the error quotes
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

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "pinsync",
		Short: "Keep the image tags that suspended Flux releases need",
		Long: "pinsync watches Flux HelmReleases and ImagePolicies and lists the image tags that\n" +
			"suspended releases need to resume, for a registry cleaner to keep.",
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          usageArgs(cobra.NoArgs),
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Name() != controllerName {
				// The libraries return errors, too: nothing is lost.
				klog.SetLogger(logr.Discard())
				log.SetLogger(logr.Discard())
			}
			return checkFlags(cmd.Flags())
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError(fmt.Errorf("%w; see %s --help", err, cmd.CommandPath()))
	})
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newControllerCommand(), newPlanCommand(), newExportCommand(), newCheckCommand(), newExplainCommand(), newRenderCommand())
	return root
}

// checkFlags returns an error if a flag was given and is empty: in a script that is a variable
// that is not set, which must not mean the same as no flag.
func checkFlags(flags *pflag.FlagSet) error {
	var err error
	flags.Visit(func(flag *pflag.Flag) {
		values := []string{flag.Value.String()}
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		if slices.Contains(values, "") {
			err = usageError(fmt.Errorf("--%s is empty: give a value, or omit the flag", flag.Name))
		}
	})
	return err
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
