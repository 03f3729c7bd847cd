// Command docs prints a generated page of docs/.
package main

import (
	"errors"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	var page string
	var err error
	switch {
	case args[0] == "metrics" && len(args) == 1:
		page = metricsPage()
	case args[0] == "configuration" && len(args) == 2:
		page, err = configurationPage(args[1])
	default:
		return errUsage
	}
	if err != nil {
		return err
	}
	_, err = os.Stdout.WriteString(page)
	return err
}

var errUsage = errors.New("usage: docs metrics, or docs configuration FILE with the type Configuration")
