// Package truth keeps what became of each addition of a run, in the file that loadtests/judging/verdict.py reads, and
// compares it with what the topic has.
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

var names = map[string]Outcome{"acknowledged": Acked, "refused": Refused, "unknown": Unknown}

// ParseOutcome reads acknowledged, refused or unknown.
func ParseOutcome(text string) (Outcome, error) {
	outcome, known := names[text]
	if !known {
		return 0, fmt.Errorf("outcome %q: it must be acknowledged, refused or unknown", text)
	}
	return outcome, nil
}

func (o Outcome) String() string {
	for name, outcome := range names {
		if outcome == o {
			return name
		}
	}
	return fmt.Sprintf("Outcome(%d)", uint8(o))
}
