package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// interval is the time between two samples, and between two evaluations of the rules.
const interval = time.Minute

// history has samples over a period of time, and the expected results of the rules.
type history struct {
	Name string `yaml:"name"`

	// Series are the samples of each series, as promtool's tests write them.
	Series map[string]string `yaml:"series"`

	// Firing are exactly the alerts that must be firing at each of these times.
	Firing map[model.Duration][]string `yaml:"firing"`

	// Values are the values that expressions must have at a time.
	Values map[string]map[model.Duration]float64 `yaml:"values"`
}

// readHistories reads a file of histories.
func readHistories(name string) ([]history, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var histories []history
	if err := decoder.Decode(&histories); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for i := range histories {
		if err := histories[i].check(); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, histories[i].Name, err)
		}
	}
	return histories, nil
}

// check checks that something is expected, and only at times of an evaluation.
func (h *history) check() error {
	times := h.times()
	if len(times) == 0 {
		return errors.New("neither firing nor values are given")
	}
	for _, at := range times {
		if time.Duration(at)%interval != 0 {
			return fmt.Errorf("%s is not a multiple of the evaluation interval %s", at, interval)
		}
	}
	return nil
}

// load returns the history as a command of Prometheus' test language.
func (h *history) load() string {
	text := &strings.Builder{}
	fmt.Fprintf(text, "load %s\n", model.Duration(interval))
	for _, series := range slices.Sorted(maps.Keys(h.Series)) {
		fmt.Fprintf(text, "  %s %s\n", series, h.Series[series])
	}
	return text.String()
}

// times returns the times of all expectations, sorted.
func (h *history) times() []model.Duration {
	times := slices.Collect(maps.Keys(h.Firing))
	for _, values := range h.Values {
		times = slices.AppendSeq(times, maps.Keys(values))
	}
	return slices.Sorted(slices.Values(times))
}
