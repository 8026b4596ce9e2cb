package schedule

import (
	"encoding/json"
	"testing"
	"time"
)

func scenario(t *testing.T, text string) *Scenario {
	t.Helper()
	found, err := ParseScenario("some", json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Ramping VUs go from target to target in a straight line.
func TestVUsAt(t *testing.T) {
	ramp := scenario(t, `{"executor": "ramping-vus", "startVUs": 2, "stages": [
		{"duration": "10s", "target": 12}, {"duration": 0, "target": 4}, {"duration": "4s", "target": 0}]}`)
	for passed, want := range map[float64]int64{0: 2, 0.99: 2, 1: 3, 5: 7, 9.99: 11, 10: 4, 11: 3, 13.9: 1, 14: 0} {
		if found := ramp.vusAt(time.Duration(passed * float64(time.Second))); found != want {
			t.Errorf("after %g s: %d instead of %d", passed, found, want)
		}
	}
	if ramp.maxVUs() != 12 || ramp.Regular() != 14*time.Second {
		t.Error(ramp.maxVUs(), ramp.Regular())
	}
}

// starts returns when all iterations begin.
func starts(s *Scenario) []time.Duration {
	found := []time.Duration{}
	for n := int64(0); ; n++ {
		at, more := s.startOf(n)
		if !more {
			return found
		}
		found = append(found, at)
	}
}

// At a constant rate iterations begin at equal distances.
func TestConstantArrivalRate(t *testing.T) {
	steady := scenario(t, `{"executor": "constant-arrival-rate", "rate": 120, "timeUnit": "1m", "duration": "3s",
		"preAllocatedVUs": 1}`)
	found := starts(steady)
	if len(found) != 6 {
		t.Fatal(found)
	}
	for n, at := range found {
		if want := time.Duration(n) * 500 * time.Millisecond; (at - want).Abs() > time.Millisecond {
			t.Errorf("iteration %d begins at %s instead of %s", n, at, want)
		}
	}
}

// At a ramping rate as many iterations begin as the rate is over time, and each later than the one before.
func TestRampingArrivalRate(t *testing.T) {
	ramp := scenario(t, `{"executor": "ramping-arrival-rate", "startRate": 10, "preAllocatedVUs": 1, "stages": [
		{"duration": "10s", "target": 30}, {"duration": "5s", "target": 30}, {"duration": "2s", "target": 0},
		{"duration": "7s", "target": 0}]}`)
	found := starts(ramp)
	if len(found) != 200+150+30 {
		t.Error(len(found))
	}
	for n := 1; n < len(found); n++ {
		if found[n] <= found[n-1] {
			t.Fatalf("iteration %d begins at %s, the one before at %s", n, found[n], found[n-1])
		}
	}
	if at := found[75]; (at - 5*time.Second).Abs() > 50*time.Millisecond { // 10 to 20 a second over 5 s
		t.Error(at)
	}
}

// Nothing begins while the rate is 0.
func TestRateOfZero(t *testing.T) {
	late := scenario(t, `{"executor": "ramping-arrival-rate", "preAllocatedVUs": 1, "stages": [
		{"duration": "5s", "target": 0}, {"duration": "0s", "target": 10}, {"duration": "1s", "target": 10}]}`)
	if found := starts(late); len(found) != 10 || found[0] < 5*time.Second {
		t.Error(found)
	}
}

// Scenarios that overlap need VUs of their own; others share them.
func TestPlannedVUs(t *testing.T) {
	of := func(start string) *Scenario {
		return scenario(t, `{"executor": "constant-vus", "vus": 3, "duration": "10s", "gracefulStop": "5s", "startTime": "`+start+`"}`)
	}
	for start, want := range map[string]int64{"0s": 6, "14s": 6, "16s": 3} {
		if found := PlannedVUs([]*Scenario{of("0s"), of(start)}); found != want {
			t.Errorf("start at %s: %d instead of %d", start, found, want)
		}
	}
}

// A field that an executor does not have, a missing or an impossible one is refused.
func TestInvalidScenarios(t *testing.T) {
	for _, text := range []string{
		`{}`, `{"executor": "quick"}`, `{"executor": "constant-vus"}`,
		`{"executor": "constant-vus", "duration": "1s", "vus": 0}`,
		`{"executor": "constant-vus", "duration": "1s", "stages": []}`,
		`{"executor": "constant-vus", "duration": "1 s"}`, `{"executor": "constant-vus", "duration": -1}`,
		`{"executor": "constant-vus", "duration": "1s", "vus": 1.5}`,
		`{"executor": "constant-vus", "duration": "1s", "think": 1}`,
		`{"executor": "shared-iterations", "vus": 2, "iterations": 1}`, `{"executor": "per-vu-iterations", "vus": -1}`,
		`{"executor": "ramping-vus"}`, `{"executor": "ramping-vus", "startVUs": 0, "stages": [{"duration": "1s", "target": 0}]}`,
		`{"executor": "ramping-vus", "stages": [{"duration": "1s", "target": -1}]}`,
		`{"executor": "constant-arrival-rate", "rate": 1, "duration": "1s"}`,
		`{"executor": "ramping-arrival-rate", "preAllocatedVUs": 2, "maxVUs": 1, "stages": [{"duration": "1s", "target": 1}]}`,
	} {
		if found, err := ParseScenario("some", json.RawMessage(text)); err == nil {
			t.Errorf("%s gave %+v", text, found)
		}
	}
}

// Durations are text with units, or milliseconds.
func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		`"1m30s"`: 90 * time.Second, `"1d2h"`: 26 * time.Hour, `1500`: 1500 * time.Millisecond, `"10"`: 10 * time.Millisecond,
		`"0.5s"`: time.Second / 2, `"2d"`: 48 * time.Hour,
	} {
		var found Duration
		if err := json.Unmarshal([]byte(text), &found); err != nil || time.Duration(found) != want {
			t.Errorf("%s: %s (%v)", text, time.Duration(found), err)
		}
	}
}
