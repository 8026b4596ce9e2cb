// Package schedule says when which virtual user (VU) begins an iteration: scenarios and their executors.
package schedule

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Stage leads to a number of VUs, or a rate, in a straight line.
type Stage struct {
	Duration Duration `json:"duration"`
	Target   int64    `json:"target"`
}

// Scenario is one scenario as options have it. Which fields are allowed depends on the executor.
type Scenario struct {
	Name             string            `json:"-"`
	Executor         string            `json:"executor"`
	StartTime        Duration          `json:"startTime"`
	GracefulStop     Duration          `json:"gracefulStop"`
	Exec             string            `json:"exec"`
	Env              map[string]string `json:"env"`
	Tags             map[string]string `json:"tags"`
	VUs              int64             `json:"vus"`
	Iterations       int64             `json:"iterations"`
	MaxDuration      Duration          `json:"maxDuration"`
	Duration         Duration          `json:"duration"`
	StartVUs         int64             `json:"startVUs"`
	GracefulRampDown Duration          `json:"gracefulRampDown"`
	Stages           []Stage           `json:"stages"`
	Rate             int64             `json:"rate"`
	StartRate        int64             `json:"startRate"`
	TimeUnit         Duration          `json:"timeUnit"`
	PreAllocatedVUs  int64             `json:"preAllocatedVUs"`
	MaxVUs           int64             `json:"maxVUs"`
}

// The executors.
const (
	SharedIterations    = "shared-iterations"
	PerVUIterations     = "per-vu-iterations"
	ConstantVUs         = "constant-vus"
	RampingVUs          = "ramping-vus"
	ConstantArrivalRate = "constant-arrival-rate"
	RampingArrivalRate  = "ramping-arrival-rate"
)

var common = []string{"executor", "startTime", "gracefulStop", "exec", "env", "tags"}

var fields = map[string][]string{
	SharedIterations:    {"vus", "iterations", "maxDuration"},
	PerVUIterations:     {"vus", "iterations", "maxDuration"},
	ConstantVUs:         {"vus", "duration"},
	RampingVUs:          {"startVUs", "gracefulRampDown", "stages"},
	ConstantArrivalRate: {"duration", "rate", "timeUnit", "preAllocatedVUs", "maxVUs"},
	RampingArrivalRate:  {"startRate", "timeUnit", "preAllocatedVUs", "maxVUs", "stages"},
}

// ParseScenario reads one scenario. What its executor does not know is an error.
func ParseScenario(name string, text json.RawMessage) (*Scenario, error) {
	scenario, err := parseScenario(name, text)
	if err != nil {
		return nil, fmt.Errorf("invalid scenario %q: %w", name, err)
	}
	return scenario, nil
}

func parseScenario(name string, text json.RawMessage) (*Scenario, error) {
	given := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &given); err != nil {
		return nil, err
	}
	scenario := &Scenario{
		Name: name, Exec: "default", VUs: 1, Iterations: 1, StartVUs: 1,
		GracefulStop: Duration(30 * time.Second), GracefulRampDown: Duration(30 * time.Second),
		MaxDuration: Duration(10 * time.Minute), TimeUnit: Duration(time.Second),
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(scenario); err != nil {
		return nil, err
	}
	known, found := fields[scenario.Executor]
	if !found {
		return nil, fmt.Errorf("there is no executor %q", scenario.Executor)
	}
	for field := range given {
		if !slices.Contains(common, field) && !slices.Contains(known, field) {
			return nil, fmt.Errorf("%s has no field %q, but %s", scenario.Executor, field, strings.Join(known, ", "))
		}
	}
	if scenario.MaxVUs == 0 {
		scenario.MaxVUs = scenario.PreAllocatedVUs
	}
	return scenario, scenario.validate()
}

func (s *Scenario) validate() error {
	var problems []error
	must := func(holds bool, what string) {
		if !holds {
			problems = append(problems, errors.New(what))
		}
	}
	switch s.Executor {
	case SharedIterations, PerVUIterations:
		must(s.VUs > 0 && s.Iterations > 0, "vus and iterations must be at least 1")
		must(s.Executor == PerVUIterations || s.Iterations >= s.VUs, "iterations must be at least vus")
	case ConstantVUs:
		must(s.VUs > 0 && s.Duration > 0, "vus and duration must be more than 0")
	case RampingVUs:
		must(s.maxVUs() > 0, "startVUs or a stage's target must be at least 1")
	default:
		must(s.PreAllocatedVUs > 0, "preAllocatedVUs must be at least 1")
		must(s.MaxVUs >= s.PreAllocatedVUs, "maxVUs must be at least preAllocatedVUs")
		must(s.TimeUnit > 0, "timeUnit must be more than 0")
	}
	if s.Executor == ConstantArrivalRate {
		must(s.Rate > 0 && s.Duration > 0, "rate and duration must be more than 0")
	}
	if _, staged := map[string]bool{RampingVUs: true, RampingArrivalRate: true}[s.Executor]; staged {
		must(len(s.Stages) > 0, "stages must not be empty")
		must(s.StartVUs >= 0 && s.StartRate >= 0, "startVUs and startRate must not be negative")
		for _, stage := range s.Stages {
			must(stage.Target >= 0, "a stage's target must not be negative")
		}
	}
	return errors.Join(problems...)
}

// Regular returns how long new iterations may begin.
func (s *Scenario) Regular() time.Duration {
	switch s.Executor {
	case SharedIterations, PerVUIterations:
		return time.Duration(s.MaxDuration)
	case ConstantVUs, ConstantArrivalRate:
		return time.Duration(s.Duration)
	}
	total := time.Duration(0)
	for _, stage := range s.Stages {
		total += time.Duration(stage.Duration)
	}
	return total
}

// planned returns how many VUs are made before the test begins.
func (s *Scenario) planned() int64 {
	if s.Executor == ConstantArrivalRate || s.Executor == RampingArrivalRate {
		return s.PreAllocatedVUs
	}
	return s.maxVUs()
}

func (s *Scenario) maxVUs() int64 {
	if s.Executor != RampingVUs {
		return s.VUs
	}
	most := s.StartVUs
	for _, stage := range s.Stages {
		most = max(most, stage.Target)
	}
	return most
}

// PlannedVUs returns how many VUs a test needs at once: scenarios that do not overlap share theirs.
func PlannedVUs(scenarios []*Scenario) int64 {
	most := int64(0)
	for _, at := range scenarios {
		together := int64(0)
		for _, each := range scenarios {
			ends := time.Duration(each.StartTime) + each.Regular() + time.Duration(each.GracefulStop)
			if each.StartTime <= at.StartTime && time.Duration(at.StartTime) <= ends {
				together += each.planned()
			}
		}
		most = max(most, together)
	}
	return most
}
