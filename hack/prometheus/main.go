// Command prometheus checks pinsync's rules for Prometheus and its dashboard for Grafana with
// Prometheus' own packages: the rules are valid, every metric in them and in the dashboard
// exists, and each alert fires when it should and only then.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/prometheus/prometheus/promql/parser"
)

// files are the files to check.
type files struct {
	metrics, dashboard, histories string
	rules                         []string
}

func main() {
	var f files
	flag.StringVar(&f.metrics, "metrics", "", "the `FILE` with the table of metrics")
	flag.StringVar(&f.dashboard, "dashboard", "", "the `FILE` of Grafana's dashboard")
	flag.StringVar(&f.histories, "histories", "", "the `FILE` with samples, and the alerts that must fire")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: prometheus -metrics FILE -dashboard FILE -histories FILE PROMETHEUSRULE...")
		flag.PrintDefaults()
	}
	flag.Parse()
	f.rules = flag.Args()
	if f.metrics == "" || f.dashboard == "" || f.histories == "" || len(f.rules) == 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := check(f); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("The rules are valid, every metric exists, and each alert fires when it should.")
}

// check returns all errors.
func check(f files) error {
	p := parser.NewParser(parser.Options{})
	groups, err := readRules(p, f.rules)
	if err != nil {
		return err
	}
	known, err := readMetrics(f.metrics)
	if err != nil {
		return err
	}
	expressions, err := readDashboard(f.dashboard)
	if err != nil {
		return err
	}
	return errors.Join(
		checkAlerts(groups),
		known.checkRules(p, groups),
		known.check(p, f.dashboard, expressions),
		replay(p, groups, f.histories),
	)
}
