package metrics

import (
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Threshold is one condition on one metric.
type Threshold struct {
	Source         string
	AbortOnFail    bool
	DelayAbortEval time.Duration
	OK             bool // by the newest evaluation

	aggregation, operator string
	limit                 float64
}

// ThresholdConfig is a threshold as options have it.
type ThresholdConfig struct {
	Source         string
	AbortOnFail    bool
	DelayAbortEval time.Duration
}

var (
	expression = regexp.MustCompile(`^\s*([a-z]+(?:\([0-9.]+\))?)\s*(<=|>=|===|==|!=|<|>)\s*(-?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*$`)
	compare    = map[string]func(a, b float64) bool{
		"<":   func(a, b float64) bool { return a < b },
		"<=":  func(a, b float64) bool { return a <= b },
		">":   func(a, b float64) bool { return a > b },
		">=":  func(a, b float64) bool { return a >= b },
		"==":  func(a, b float64) bool { return a == b },
		"===": func(a, b float64) bool { return a == b },
		"!=":  func(a, b float64) bool { return a != b },
	}
)

// SetThresholds puts thresholds on metrics, by `name` or `name{tag:value}`. An unknown metric is an error.
func (r *Registry) SetThresholds(configs map[string][]ThresholdConfig) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for key, each := range configs {
		metric, err := r.submetric(key)
		if err != nil {
			return err
		}
		for _, config := range each {
			threshold, err := parse(config, metric)
			if err != nil {
				return fmt.Errorf("invalid threshold %q on %q: %w", config.Source, key, err)
			}
			metric.Thresholds = append(metric.Thresholds, threshold)
		}
	}
	return nil
}

func parse(config ThresholdConfig, metric *Metric) (*Threshold, error) {
	parts := expression.FindStringSubmatch(config.Source)
	if parts == nil {
		return nil, fmt.Errorf("write it as p(95)<500 or count==0")
	}
	limit, err := strconv.ParseFloat(parts[3], 64)
	if err != nil {
		return nil, err
	}
	if parts[1] == "count" && metric.Type == Trend {
		return nil, fmt.Errorf("a trend has no count in thresholds")
	}
	if _, err := metric.Values.Of(parts[1], time.Second); err != nil {
		return nil, err
	}
	return &Threshold{
		Source: config.Source, AbortOnFail: config.AbortOnFail, DelayAbortEval: config.DelayAbortEval, OK: true,
		aggregation: parts[1], operator: parts[2], limit: limit,
	}, nil
}

// Evaluation says which thresholds do not hold, as metric and source, and whether the run is to be aborted.
type Evaluation struct {
	Crossed []string
	Abort   bool
}

func (e Evaluation) String() string { return strings.Join(e.Crossed, ", ") }

// Evaluate judges all thresholds; what has no sample passes.
func (r *Registry) Evaluate(lasted time.Duration) Evaluation {
	found := Evaluation{}
	r.All(func(metric *Metric) {
		for _, each := range metric.Thresholds {
			value, err := metric.Values.Of(each.aggregation, lasted)
			each.OK = metric.Values.Empty() || err == nil && compare[each.operator](value, each.limit)
			if !each.OK {
				found.Crossed = append(found.Crossed, fmt.Sprintf("%s: %s (%g)", metric.Name, each.Source, value))
				found.Abort = found.Abort || each.AbortOnFail && lasted >= each.DelayAbortEval
			}
		}
	})
	sort.Strings(found.Crossed)
	return found
}
