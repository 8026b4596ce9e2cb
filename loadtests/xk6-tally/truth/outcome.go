// Package truth keeps what became of each addition of a run, in the file that loadtests/verdict.py reads, and compares
// it with what the topic has.
package truth

import "fmt"

// Outcome is what the caller may conclude from an answer, or from none.
type Outcome uint8

// Refused: not committed, and never will be. Unknown: anything may be true.
const (
	Acked Outcome = iota + 1
	Refused
	Unknown
)

var names = map[string]Outcome{"ACKED": Acked, "REFUSED": Refused, "UNKNOWN": Unknown}

// notCommitted are the statuses of gRPC that say in every case that nothing was committed (docs/API.md).
var notCommitted = map[int]string{
	3: "INVALID_ARGUMENT", 6: "ALREADY_EXISTS", 8: "RESOURCE_EXHAUSTED", 10: "ABORTED", 11: "OUT_OF_RANGE",
}

// ParseOutcome reads ACKED, REFUSED or UNKNOWN.
func ParseOutcome(text string) (Outcome, error) {
	outcome, known := names[text]
	if !known {
		return 0, fmt.Errorf("outcome %q: it must be ACKED, REFUSED or UNKNOWN", text)
	}
	return outcome, nil
}

// OutcomeOf returns the outcome of a status of gRPC by its number: 0 is OK.
func OutcomeOf(status int) Outcome {
	if status == 0 {
		return Acked
	}
	if _, known := notCommitted[status]; known {
		return Refused
	}
	return Unknown
}

func (o Outcome) String() string {
	for name, outcome := range names {
		if outcome == o {
			return name
		}
	}
	return fmt.Sprintf("Outcome(%d)", uint8(o))
}
