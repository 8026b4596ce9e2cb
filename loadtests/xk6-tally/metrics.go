package tally

import (
	"errors"
	"fmt"
	"time"

	"go.k6.io/k6/v2/js/modules"
	"go.k6.io/k6/v2/metrics"

	"tally.internal/xk6-tally/run"
)

// metricSet is the extension's metrics. All but the first two are sampled once, by finish(), in teardown: k6 judges
// thresholds after that. A counter's threshold passes in k6 when it has no sample, so scripts ask for tally_judged above
// 0 beside those that must be 0.
type metricSet struct {
	records, visible                      *metrics.Metric
	judged, lost, doubled, wrong, poisons *metrics.Metric
}

// declare fails when a script has declared one of the names as another type.
func declare(vu modules.VU) (*metricSet, error) {
	environment := vu.InitEnv()
	if environment == nil {
		return nil, errors.New("k6/x/tally must be imported at the top of the script")
	}
	var broken error
	declared := func(name string, kind metrics.MetricType, contains metrics.ValueType) *metrics.Metric {
		metric, err := environment.Registry.NewMetric(name, kind, contains)
		if err != nil {
			broken = errors.Join(broken, fmt.Errorf("k6/x/tally: %w", err))
		}
		return metric
	}
	set := &metricSet{
		records: declared("tally_records_read", metrics.Counter, metrics.Default),
		visible: declared("tally_visible_ms", metrics.Trend, metrics.Time),
		judged:  declared("tally_judged", metrics.Counter, metrics.Default),
		lost:    declared("tally_lost", metrics.Counter, metrics.Default),
		doubled: declared("tally_doubled", metrics.Counter, metrics.Default),
		wrong:   declared("tally_wrong", metrics.Counter, metrics.Default),
		poisons: declared("tally_poison_unjudged", metrics.Counter, metrics.Default),
	}
	return set, broken
}

// progress tells what was read of the topic since whichever virtual user told it last.
func (m *metricSet) progress(vu modules.VU, progress run.Progress) {
	if progress.Records == 0 {
		return
	}
	samples := newSamples(vu)
	samples.add(m.records, float64(progress.Records))
	for _, ms := range progress.VisibleMS {
		samples.add(m.visible, ms)
	}
	samples.push()
}

// verdict tells what finish() found; nothing when the topic was not read.
func (m *metricSet) verdict(vu modules.VU, result *run.Result) {
	if !result.Judged {
		return
	}
	samples := newSamples(vu)
	samples.add(m.judged, float64(result.Digest.Acked))
	samples.add(m.lost, float64(result.Lost))
	samples.add(m.doubled, float64(result.Doubled))
	samples.add(m.wrong, float64(result.Wrong()))
	samples.add(m.poisons, float64(result.Topic.PoisonUnjudged))
	samples.push()
}

// sampling collects samples of one virtual user, with its tags.
type sampling struct {
	vu      modules.VU
	now     time.Time
	samples metrics.Samples
}

func newSamples(vu modules.VU) *sampling { return &sampling{vu: vu, now: time.Now()} }

func (s *sampling) add(metric *metrics.Metric, value float64) {
	tags := s.vu.State().Tags.GetCurrentValues()
	s.samples = append(s.samples, metrics.Sample{
		TimeSeries: metrics.TimeSeries{Metric: metric, Tags: tags.Tags},
		Time:       s.now, Value: value, Metadata: tags.Metadata,
	})
}

func (s *sampling) push() {
	metrics.PushIfNotDone(s.vu.Context(), s.vu.State().Samples, s.samples)
}
