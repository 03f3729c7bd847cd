package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"
)

// The formats that several commands have.
const (
	formatTable = "table"
	formatText  = "text"
	formatJSON  = "json"
	formatYAML  = "yaml"
)

// choice is the value of a flag that takes one of some words.
type choice struct {
	value *string
	words []string
	// hasFile is set if the command has another flag for the file that it writes.
	hasFile bool
}

func (c choice) String() string { return *c.value }
func (c choice) Type() string   { return "string" }

// Set sets the value.
func (c choice) Set(value string) error {
	if !slices.Contains(c.words, value) {
		hint := ""
		if c.hasFile && strings.ContainsAny(value, "./") {
			hint = "; did you mean --output-file " + value + "?"
		}
		return fmt.Errorf("want one of %s%s", strings.Join(c.words, ", "), hint)
	}
	*c.value = value
	return nil
}

// addFormat adds the flag -o for the format of what a command prints, by default the first.
func addFormat(cmd *cobra.Command, value *string, formats ...string) {
	*value = formats[0]
	cmd.Flags().VarP(choice{value, formats, cmd.Flags().Lookup("output-file") != nil}, "output", "o", "`FORMAT` of what is printed: "+strings.Join(formats, ", "))
	complete(cmd, "output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
}

// printAs prints a document of pinsync's API as JSON or YAML, or in a format for people: as the text that forPeople
// makes of it, in lines of a width.
func printAs[D any](out io.Writer, format string, document D, forPeople func(document D, width int) string) error {
	var text []byte
	var err error
	switch format {
	case formatYAML:
		text, err = yaml.Marshal(document)
	case formatJSON:
		var b strings.Builder
		encoder := json.NewEncoder(&b)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		err = encoder.Encode(document)
		text = []byte(b.String())
	default:
		text = []byte(forPeople(document, widthOf(out)))
	}
	if err == nil {
		_, err = out.Write(text)
	}
	if err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

// namespaceOptions are the flags that select releases by their namespace.
type namespaceOptions struct {
	namespace string
	all       bool
}

// addTo adds the flags to a command that is about all namespaces unless one is named.
func (o *namespaceOptions) addTo(cmd *cobra.Command) {
	o.addNamespace(cmd, "only releases in this `NAMESPACE`")
	cmd.Flags().BoolVarP(&o.all, "all-namespaces", "A", false, "releases in all namespaces, the default")
}

func (o *namespaceOptions) addNamespace(cmd *cobra.Command, usage string) {
	cmd.Flags().StringVarP(&o.namespace, "namespace", "n", "", usage)
	complete(cmd, "namespace", completeNamespaces)
}

func (o *namespaceOptions) check() error {
	switch {
	case o.namespace == "":
		return nil
	case o.all:
		return fmt.Errorf("--all-namespaces and --namespace %s: give one of them", o.namespace)
	}
	return checkNamespace("--namespace", o.namespace)
}

// checkNamespace returns an error unless a flag's value can be the name of a namespace.
func checkNamespace(flag, name string) error {
	if messages := validation.IsDNS1123Label(name); len(messages) > 0 {
		return fmt.Errorf("%s %q: want a-z, 0-9 and hyphens, such as pinsync-system", flag, name)
	}
	return nil
}

// flagError returns the error of a command's flags, with what would be right.
func flagError(cmd *cobra.Command, err error) error {
	meant := "; see " + cmd.CommandPath() + " --help"
	if missing, ok := errors.AsType[*pflag.NotExistError](err); ok && len(missing.GetSpecifiedName()) > 1 {
		var names []string
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			if !flag.Hidden {
				names = append(names, flag.Name)
			}
		})
		if near := nearTo(missing.GetSpecifiedName(), names); len(near) > 0 {
			meant = ": did you mean --" + near[0] + "?"
		}
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		flag, want := invalid.GetFlag(), invalid.Unwrap().Error()
		_, isTwice := errors.AsType[givenTwice](err)
		switch kind := flag.Value.Type(); {
		case isTwice:
		case kind == "int":
			want = "want a whole number such as " + flag.DefValue
		case kind == "duration":
			want = "want a duration such as 30s, 5m or 1h30m"
		case kind == "bool":
			want = "want true or false"
		}
		err = fmt.Errorf("--%s %q: %s", flag.Name, invalid.GetValue(), want)
	}
	return usageError(fmt.Errorf("%w%s", err, meant))
}

// renamedTo is the annotation of a flag's earlier name. Its value is the name of now.
const renamedTo = "pinsync.oleks.space/renamed-to"

// keepOldName accepts the earlier name of a flag, too, so that scripts and manifests go on working.
func keepOldName(flags *pflag.FlagSet, old, name string) {
	flag := *flags.Lookup(name)
	flag.Name, flag.Shorthand, flag.Hidden = old, "", true
	flag.Annotations = map[string][]string{renamedTo: {name}}
	flags.AddFlag(&flag)
}

// once is the value of a flag that is given once: of two values, the first would be lost without a word.
type once struct {
	pflag.Value
	given *string
}

// givenTwice is the error of a flag that was given with another value before.
type givenTwice string

func (g givenTwice) Error() string {
	return fmt.Sprintf("it was given before, as %q: want it once", string(g))
}

// Set sets the value.
func (o *once) Set(value string) error {
	if o.given != nil && *o.given != value {
		return givenTwice(*o.given)
	}
	o.given = &value
	return o.Value.Set(value)
}

// allowOnce refuses flags that are given with two values, by their earlier names, too, unless they are repeatable.
func allowOnce(flags *pflag.FlagSet) {
	flags.VisitAll(func(flag *pflag.Flag) {
		if _, isRepeatable := flag.Value.(pflag.SliceValue); !isRepeatable && flag.Annotations[renamedTo] == nil {
			flag.Value = &once{Value: flag.Value}
		}
	})
	flags.VisitAll(func(flag *pflag.Flag) {
		for _, name := range flag.Annotations[renamedTo] {
			flag.Value = flags.Lookup(name).Value
		}
	})
}

// checkFlags returns an error if a flag was given and is empty: in a script that is a variable
// that is not set, which must not mean the same as no flag. It prints which flags have another
// name now.
func checkFlags(flags *pflag.FlagSet, errOut io.Writer) error {
	var err error
	flags.Visit(func(flag *pflag.Flag) {
		values := []string{flag.Value.String()}
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		if slices.Contains(values, "") {
			err = usageError(fmt.Errorf("--%s is empty: give a value, or omit the flag", flag.Name))
		}
		for _, name := range flag.Annotations[renamedTo] {
			fmt.Fprintf(errOut, "pinsync: --%s is now called --%s\n", flag.Name, name)
		}
	})
	return err
}
