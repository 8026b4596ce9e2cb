package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"time"

	"tally/tests/k6/harness/internal/metrics"
	"tally/tests/k6/harness/internal/script"
)

// summary is what handleSummary gets.
type summary struct {
	RootGroup rootGroup             `json:"root_group"`
	Options   map[string]any        `json:"options"`
	State     map[string]any        `json:"state"`
	Metrics   map[string]metricData `json:"metrics"`
	SetupData json.RawMessage       `json:"setup_data,omitempty"`
}

type rootGroup struct {
	Name   string         `json:"name"`
	Path   string         `json:"path"`
	ID     string         `json:"id"`
	Groups []any          `json:"groups"`
	Checks []script.Check `json:"checks"`
}

type metricData struct {
	Type       metrics.Type               `json:"type"`
	Contains   string                     `json:"contains"`
	Values     map[string]float64         `json:"values"`
	Thresholds map[string]map[string]bool `json:"thresholds,omitempty"`
}

const emptyID = "d41d8cd98f00b204e9800998ecf8427e" // of the root group's empty name

func (t *test) data() summary {
	found := summary{
		RootGroup: rootGroup{ID: emptyID, Groups: []any{}, Checks: t.host.Checks.All()},
		Options: map[string]any{
			"summaryTrendStats": t.options.SummaryTrendStats, "summaryTimeUnit": t.options.SummaryTimeUnit,
			"noColor": true,
		},
		State: map[string]any{
			"isStdOutTTY": false, "isStdErrTTY": false, "testRunDurationMs": metrics.Milliseconds(t.lasted),
		},
		Metrics:   map[string]metricData{},
		SetupData: t.host.SetupData(),
	}
	t.host.Metrics.All(func(metric *metrics.Metric) {
		one := metricData{
			Type: metric.Type, Contains: metric.Contains,
			Values: metric.Values.Summary(t.options.SummaryTrendStats, t.lasted),
		}
		for _, each := range metric.Thresholds {
			if one.Thresholds == nil {
				one.Thresholds = map[string]map[string]bool{}
			}
			one.Thresholds[each.Source] = map[string]bool{"ok": each.OK}
		}
		found.Metrics[metric.Name] = one
	})
	return found
}

// summarise writes what handleSummary returns: {stdout, stderr, PATH: text}. Without one it shows all figures.
func (t *test) summarise(first *script.VU) error {
	data := t.data()
	if !first.Exports("handleSummary") {
		return t.show(data)
	}
	encoded, err := json.Marshal(data)
	if err != nil {
		return err
	}
	ctx, release := context.WithTimeout(context.Background(), time.Duration(t.options.HandleSummaryTimeout))
	defer release()
	returned, err := first.Call(ctx, "handleSummary", string(encoded))
	if err != nil {
		return cause(ctx, fmt.Errorf("handleSummary(): %w", err))
	}
	texts := map[string]string{}
	if err := json.Unmarshal(returned, &texts); err != nil {
		return fmt.Errorf("handleSummary() must return an object of texts: %w", err)
	}
	return t.write(texts)
}

func (t *test) write(texts map[string]string) error {
	var problems []error
	for target, text := range texts {
		var err error
		switch target {
		case "stdout":
			_, err = io.WriteString(t.stdout, text)
		case "stderr":
			_, err = io.WriteString(t.stderr, text)
		default:
			err = os.WriteFile(target, []byte(text), 0o644)
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

func (t *test) show(data summary) error {
	lines := []string{}
	for _, check := range data.RootGroup.Checks {
		lines = append(lines, fmt.Sprintf("check %s: %d passed, %d failed", check.Name, check.Passes, check.Fails))
	}
	for name, metric := range data.Metrics {
		figures := []string{}
		for figure, value := range metric.Values {
			figures = append(figures, fmt.Sprintf("%s=%g", figure, value))
		}
		sort.Strings(figures)
		lines = append(lines, fmt.Sprintf("%s: %s", name, strings.Join(figures, " ")))
	}
	sort.Strings(lines)
	_, err := fmt.Fprintln(t.stdout, strings.Join(lines, "\n"))
	return err
}
