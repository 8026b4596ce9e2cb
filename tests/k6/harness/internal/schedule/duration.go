package schedule

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a time in options: "1m30s", "2d" or a number of milliseconds.
type Duration time.Duration

// UnmarshalJSON reads either form.
func (d *Duration) UnmarshalJSON(text []byte) error {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return err
	}
	parsed, err := ParseDuration(value)
	*d = Duration(parsed)
	return err
}

// ParseDuration reads a duration as scripts give it. A negative one is an error.
func ParseDuration(value any) (time.Duration, error) {
	var parsed time.Duration
	var err error
	switch value := value.(type) {
	case int64:
		parsed = time.Duration(value) * time.Millisecond
	case float64:
		parsed = time.Duration(value * float64(time.Millisecond))
	case string:
		parsed, err = parseText(value)
	default:
		err = fmt.Errorf("invalid duration %v: write \"1m30s\" or milliseconds", value)
	}
	if err == nil && parsed < 0 {
		err = fmt.Errorf("invalid duration %v: it is negative", value)
	}
	return parsed, err
}

func parseText(text string) (time.Duration, error) {
	if milliseconds, err := strconv.ParseFloat(text, 64); err == nil {
		return time.Duration(milliseconds * float64(time.Millisecond)), nil
	}
	days, rest := 0, text
	if before, after, found := strings.Cut(text, "d"); found {
		number, err := strconv.Atoi(before)
		if err != nil {
			return 0, fmt.Errorf("invalid duration %q: write it as 1d2h3m4s", text)
		}
		days, rest = number, after
	}
	if rest == "" {
		rest = "0s"
	}
	parsed, err := time.ParseDuration(rest)
	if err != nil {
		return 0, fmt.Errorf("invalid duration %q: write it as 1m30s", text)
	}
	return parsed + time.Duration(days)*24*time.Hour, nil
}
