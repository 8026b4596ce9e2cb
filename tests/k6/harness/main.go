// Command k6-harness runs a k6 script in a test of this repository. It is no load generator; see the README.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"go.k6.io/k6/v2/js/modules"

	"tally/tests/k6/harness/internal/run"
)

const extension = "k6/x/tally"

const usage = `k6-harness runs a k6 script in the tests of this repository. It is a test tool and no load generator:
it has a part of k6's API, written from k6's documentation, and nothing of k6 itself. To load a system, use k6
(https://k6.io) or this repository's own "just load".

  k6-harness run [-e NAME=VALUE]... SCRIPT
  k6-harness version

Exit codes are k6's: 0 passed, 99 a threshold was crossed, 100 and 101 setup or teardown took too long,
104 invalid options, 105 ended by a signal, 107 an exception, 108 aborted by the script, 110 marked as failed by it;
255 a wrong command line.
`

func main() { os.Exit(command(os.Args[1:])) }

func command(arguments []string) int {
	if len(arguments) == 0 {
		return refuse("a command is needed: run or version")
	}
	switch arguments[0] {
	case "run":
		return runScript(arguments[1:])
	case "version", "--version":
		fmt.Printf("k6-harness (a test tool, not k6) (%s, %s/%s)\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
		if _, found := modules.Registered(extension); found {
			fmt.Printf("Extensions:\n  %s [js]\n", extension)
		}
		return run.OK
	case "help", "--help", "-h":
		fmt.Print(usage)
		return run.OK
	}
	return refuse(fmt.Sprintf("there is no command %q: run or version", arguments[0]))
}

func runScript(arguments []string) int {
	env, path := environment(), ""
	for len(arguments) > 0 {
		first := arguments[0]
		arguments = arguments[1:]
		switch {
		case first == "-e" || first == "--env":
			if len(arguments) == 0 {
				return refuse(first + " needs NAME=VALUE")
			}
			name, value, found := strings.Cut(arguments[0], "=")
			if !found || name == "" {
				return refuse(fmt.Sprintf("%s %q: NAME=VALUE is needed", first, arguments[0]))
			}
			env[name] = value
			arguments = arguments[1:]
		case strings.HasPrefix(first, "-"):
			return refuse(fmt.Sprintf("there is no option %q", first))
		case path != "":
			return refuse(fmt.Sprintf("one script is run, but there is also %q", first))
		default:
			path = first
		}
	}
	if path == "" {
		return refuse("a script is needed")
	}
	signalled, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(signalled, stop) // a second signal ends the process at once
	return run.Test(signalled, path, env, os.Stdout, os.Stderr)
}

// environment returns the process's own variables, which `k6 run` gives to scripts, too.
func environment() map[string]string {
	env := map[string]string{}
	for _, each := range os.Environ() {
		name, value, _ := strings.Cut(each, "=")
		env[name] = value
	}
	return env
}

func refuse(why string) int {
	fmt.Fprintf(os.Stderr, "k6-harness: %s; see k6-harness --help\n", why)
	return run.Usage
}
