package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"time"

	"tally/tests/k6/harness/internal/metrics"
	"tally/tests/k6/harness/internal/schedule"
	"tally/tests/k6/harness/internal/script"
)

// options are the script's `options`. A field that is not here is an error.
type options struct {
	Scenarios             map[string]json.RawMessage `json:"scenarios"`
	Thresholds            map[string]thresholds      `json:"thresholds"`
	SetupTimeout          schedule.Duration          `json:"setupTimeout"`
	TeardownTimeout       schedule.Duration          `json:"teardownTimeout"`
	HandleSummaryTimeout  schedule.Duration          `json:"handleSummaryTimeout"`
	SummaryTrendStats     []string                   `json:"summaryTrendStats"`
	SummaryTimeUnit       string                     `json:"summaryTimeUnit"`
	DiscardResponseBodies bool                       `json:"discardResponseBodies"`
	InsecureSkipTLSVerify bool                       `json:"insecureSkipTLSVerify"`
	MaxRedirects          *int64                     `json:"maxRedirects"`
	NoConnectionReuse     bool                       `json:"noConnectionReuse"`
	Tags                  map[string]string          `json:"tags"`
	Throw                 bool                       `json:"throw"`
	UserAgent             string                     `json:"userAgent"`

	// The short form of one scenario.
	VUs        int64             `json:"vus"`
	Duration   schedule.Duration `json:"duration"`
	Iterations int64             `json:"iterations"`
	Stages     []schedule.Stage  `json:"stages"`

	scenarios []*schedule.Scenario
}

// thresholds are one threshold or a list of them, each a text or an object.
type thresholds []metrics.ThresholdConfig

// UnmarshalJSON reads either form.
func (t *thresholds) UnmarshalJSON(text []byte) error {
	var several []json.RawMessage
	if err := json.Unmarshal(text, &several); err != nil {
		several = []json.RawMessage{text}
	}
	for _, each := range several {
		config, err := thresholdOf(each)
		if err != nil {
			return err
		}
		*t = append(*t, config)
	}
	return nil
}

func thresholdOf(text json.RawMessage) (metrics.ThresholdConfig, error) {
	var source string
	if json.Unmarshal(text, &source) == nil {
		return metrics.ThresholdConfig{Source: source}, nil
	}
	object := struct {
		Threshold      string            `json:"threshold"`
		AbortOnFail    bool              `json:"abortOnFail"`
		DelayAbortEval schedule.Duration `json:"delayAbortEval"`
	}{}
	err := decode(text, &object)
	return metrics.ThresholdConfig{
		Source: object.Threshold, AbortOnFail: object.AbortOnFail, DelayAbortEval: time.Duration(object.DelayAbortEval),
	}, err
}

func decode(text json.RawMessage, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func parseOptions(text json.RawMessage) (*options, error) {
	found := &options{
		SetupTimeout: schedule.Duration(time.Minute), TeardownTimeout: schedule.Duration(time.Minute),
		HandleSummaryTimeout: schedule.Duration(2 * time.Minute),
		SummaryTrendStats:    []string{"avg", "min", "med", "max", "p(90)", "p(95)"},
	}
	if err := decode(text, found); err != nil {
		return nil, fmt.Errorf("invalid options: %w", err)
	}
	return found, found.readScenarios()
}

func (o *options) readScenarios() error {
	if o.Scenarios == nil {
		short, err := o.shortForm()
		if err != nil {
			return err
		}
		o.Scenarios = map[string]json.RawMessage{"default": short}
	} else if o.VUs != 0 || o.Duration != 0 || o.Iterations != 0 || o.Stages != nil {
		return errors.New("invalid options: beside scenarios there may be no vus, duration, iterations or stages")
	}
	if len(o.Scenarios) == 0 {
		return errors.New("invalid options: there is no scenario")
	}
	for name, text := range o.Scenarios {
		scenario, err := schedule.ParseScenario(name, text)
		if err != nil {
			return err
		}
		o.scenarios = append(o.scenarios, scenario)
	}
	sort.Slice(o.scenarios, func(a, b int) bool { return o.scenarios[a].Name < o.scenarios[b].Name })
	if vus := schedule.PlannedVUs(o.scenarios); vus > schedule.VUsMax {
		return fmt.Errorf("invalid options: %d VUs; this harness has at most %d", vus, schedule.VUsMax)
	}
	return nil
}

// shortForm returns the scenario that vus, duration, iterations and stages stand for.
func (o *options) shortForm() (json.RawMessage, error) {
	vus := max(o.VUs, 1)
	duration := fmt.Sprint(time.Duration(o.Duration))
	fields := map[string]any{"executor": schedule.SharedIterations, "vus": vus, "iterations": max(o.Iterations, 1)}
	switch {
	case o.Stages != nil:
		stages := []map[string]any{}
		for _, each := range o.Stages {
			stages = append(stages, map[string]any{"duration": fmt.Sprint(time.Duration(each.Duration)), "target": each.Target})
		}
		fields = map[string]any{"executor": schedule.RampingVUs, "startVUs": vus, "stages": stages}
	case o.Iterations > 0 && o.Duration > 0:
		fields["maxDuration"] = duration
	case o.Duration > 0:
		fields = map[string]any{"executor": schedule.ConstantVUs, "vus": vus, "duration": duration}
	}
	return json.Marshal(fields)
}

// forVUs returns what VUs need of the options.
func (o *options) forVUs(otherwise script.Options) script.Options {
	found := script.Options{
		DiscardResponseBodies: o.DiscardResponseBodies, InsecureSkipTLSVerify: o.InsecureSkipTLSVerify,
		MaxRedirects: otherwise.MaxRedirects, NoConnectionReuse: o.NoConnectionReuse, Tags: o.Tags, Throw: o.Throw,
		UserAgent: otherwise.UserAgent,
	}
	if o.MaxRedirects != nil {
		found.MaxRedirects = *o.MaxRedirects
	}
	if o.UserAgent != "" {
		found.UserAgent = o.UserAgent
	}
	return found
}
