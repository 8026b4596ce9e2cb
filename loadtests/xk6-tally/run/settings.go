// Package run ties one run together for all its virtual users: outcomes, the topic beside them, traces, the verdict.
package run

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tally.internal/xk6-tally/operands"
)

// Settings are what a script opens a run with.
type Settings struct {
	Tag         operands.Tag
	Outcomes    string   // the file of outcomes
	Kafka       []string // HOST:PORT; empty: the topic is not read
	Registry    string   // a URL; needed with Kafka
	Timed       bool     // whether it is measured how long an addition takes to the topic
	Traces      string   // a URL for OTLP over HTTP; "" sends no spans
	TracedShare float64  // from 0 to 1
}

// ParseSettings reads a script's object. The error names the field, its value and what is allowed.
func ParseSettings(object map[string]any) (s Settings, err error) {
	reading := reader{object: maps.Clone(object)}
	tag := reading.text("tag")
	s.Outcomes = reading.text("outcomes")
	s.Kafka = strings.FieldsFunc(reading.text("kafka"), func(r rune) bool { return r == ',' || r == ' ' })
	s.Registry = reading.text("registry")
	s.Traces = reading.text("traces")
	s.TracedShare = reading.number("tracedShare")
	s.Timed = reading.truth("timed")
	if len(reading.object) > 0 {
		names := slices.Sorted(maps.Keys(reading.object))
		reading.fail(fmt.Errorf("open() does not know the setting %s; it knows kafka, outcomes, registry, tag, timed, "+
			"tracedShare and traces", strings.Join(names, ", ")))
	}
	if s.Tag, err = operands.ParseTag(tag); err != nil {
		reading.fail(err)
	}
	if s.Outcomes == "" {
		reading.fail(errors.New(`outcomes: name the file that open() writes, for example "outcomes.bin"`))
	}
	if len(s.Kafka) > 0 && s.Registry == "" {
		reading.fail(errors.New("registry: with kafka the registry's URL is needed as well, for example http://127.0.0.1:8081"))
	}
	for field, url := range map[string]string{"registry": s.Registry, "traces": s.Traces} {
		if url != "" && !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
			reading.fail(fmt.Errorf("%s %q: it must be a URL that begins with http:// or https://", field, url))
		}
	}
	return s, reading.err
}

// reader takes fields out of an object and keeps the first error.
type reader struct {
	object map[string]any
	err    error
}

func (r *reader) text(field string) string {
	text, isText := take(r, field, "").(string)
	if !isText {
		r.fail(fmt.Errorf("%s: it must be a text", field))
	}
	return text
}

func (r *reader) truth(field string) bool {
	value, isTruth := take(r, field, false).(bool)
	if !isTruth {
		r.fail(fmt.Errorf("%s: it must be true or false", field))
	}
	return value
}

func (r *reader) number(field string) float64 {
	switch number := take(r, field, 0.0).(type) {
	case float64:
		return number
	case int64:
		return float64(number)
	}
	r.fail(fmt.Errorf("%s: it must be a number", field))
	return 0
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func take(r *reader, field string, preset any) any {
	value, there := r.object[field]
	delete(r.object, field)
	if !there || value == nil {
		return preset
	}
	return value
}
