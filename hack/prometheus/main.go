// Command prometheus checks what pinsync brings for Prometheus and Grafana, with
// Prometheus' own packages: that the rules are valid, that every metric in them and in
// the dashboard exists, and that each alert fires when it should and only then.
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
	flag.StringVar(&f.metrics, "metrics", "", "the page with the table of metrics")
	flag.StringVar(&f.dashboard, "dashboard", "", "Grafana's dashboard")
	flag.StringVar(&f.histories, "histories", "", "what Prometheus sees, and what must fire then")
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

// check returns an error that lists everything that is wrong.
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
