package run

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// ran is what a run of a script gave.
type ran struct {
	code           int
	stdout, stderr string
	data           summary
}

// lines keeps what several goroutines write.
type lines struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *lines) Write(text []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(text)
}

func (l *lines) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

const reporting = `
export function handleSummary(data) { return { stdout: JSON.stringify(data) }; }
`

// runScript runs a script; one without a handleSummary of its own gets one that returns all the data.
func runScript(t *testing.T, source string, env ...string) ran {
	t.Helper()
	return runIn(t, context.Background(), t.TempDir(), source, env...)
}

func runIn(t *testing.T, ctx context.Context, folder, source string, env ...string) ran {
	t.Helper()
	path := filepath.Join(folder, "script.js")
	own := strings.Contains(source, "handleSummary")
	if !own {
		source += reporting
	}
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	variables := map[string]string{}
	for _, each := range env {
		name, value, _ := strings.Cut(each, "=")
		variables[name] = value
	}
	stdout, stderr := &lines{}, &lines{}
	found := ran{code: Test(ctx, path, variables, stdout, stderr)}
	found.stdout, found.stderr = stdout.String(), strings.ReplaceAll(stderr.String(), `\"`, `"`)
	if !own && found.stdout != "" {
		if err := json.Unmarshal([]byte(found.stdout), &found.data); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func (r ran) exits(t *testing.T, code int, says ...string) ran {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d instead of %d\n%s", r.code, code, r.stderr)
	}
	for _, each := range says {
		if !strings.Contains(r.stderr, each) {
			t.Errorf("not said: %s\n%s", each, r.stderr)
		}
	}
	return r
}

func (r ran) value(metric, figure string) float64 { return r.data.Metrics[metric].Values[figure] }
