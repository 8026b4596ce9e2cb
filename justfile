# Tally's commands. Without `just` on this machine: ./justw RECIPE does the same.

set positional-arguments

root := justfile_directory()
python := root / ".venv" / "bin" / "python"

# What Python compiled is kept beside what it was compiled from, whatever the caller prefers elsewhere: a service that
# has to compile all that it imports starts about a second later. (Empty means off.)
export PYTHONDONTWRITEBYTECODE := ""
export PYTHONPYCACHEPREFIX := root / ".venv" / "bytecode"

# What messages tell to type begins with what was typed: justw has said so, or it was just.
export TALLY_TYPED_AS := env("TALLY_TYPED_AS", "just")

# List the recipes.
[private]
default:
    @{{ quote(just_executable()) }} --justfile {{ quote(justfile()) }} --list --unsorted

# Make the tools and the environment if they are not there; a second time it only looks.
[private]
[no-exit-message]
_prepared:
    @[ "${TALLY_PREPARED:-}" = {{ quote(root) }} ] || {{ quote(root / "justw") }} --prepare-only

# Start the whole system and wait until it is ready; `up compose` does it in containers.
[group("run")]
[no-exit-message]
up *ARGUMENTS: _prepared
    @{{ quote(python) }} -m stack up "$@"

# Stop what `up` started; the data stays.
[group("run")]
[no-exit-message]
down: _prepared
    @{{ quote(python) }} -m stack down

# Delete the data, after a question; --yes does not ask.
[group("run")]
[no-exit-message]
reset *OPTIONS: _prepared
    @{{ quote(python) }} -m stack reset "$@"

# Show each part: state, process, port, uptime; of a crashed one the end of its log.
[group("run")]
[no-exit-message]
status: _prepared
    @{{ quote(python) }} -m stack status

# Follow the logs of all parts, or of one: kafka, registry, contracts, producer, consumer.
[group("run")]
[no-exit-message]
logs *SERVICE: _prepared
    @{{ quote(python) }} -m stack logs "$@"

# Start what keeps metrics, logs and traces, without Docker; `observe full` adds Prometheus.
[group("run")]
[no-exit-message]
observe *SET: _prepared
    @{{ quote(python) }} -m stack observe "$@"

# Show the main job on real input, with crashes on the way, on a stack of its own.
[group("run")]
[no-exit-message]
demo *OPTIONS: _prepared
    @{{ quote(python) }} -m demo "$@"

# Run any command in the project's environment: `just run tally add 2 40.5`.
[group("run")]
[no-exit-message]
[no-cd]
run +COMMAND: _prepared
    @{{ quote(python) }} -m stack run "$@"

# Kafka's own kafka-transactions.sh, on the native broker: `just kafka-transactions list`.
[group("run")]
[no-exit-message]
kafka-transactions *ARGUMENTS: _prepared
    @{{ quote(python) }} -m stack kafka-transactions "$@"

# Check the contracts and generate code from them, offline; a second run changes nothing.
[group("develop")]
[no-exit-message]
gen: _prepared
    @{{ quote(python) }} -m codegen gen
    @{{ quote(python) }} -m observability
    @{{ quote(python) }} -m loadtests.external.protoset

# Run all tests that a fresh machine can run, two files at a time; OPTIONS go to pytest (-n 0: one).
[group("develop")]
[no-exit-message]
test *OPTIONS: _prepared
    @{{ quote(python) }} -m pytest -n 2 --dist loadfile --no-loadscope-reorder "$@"

# Run the long tests of faults, which `test` leaves out, two files at a time; OPTIONS go to pytest.
[group("develop")]
[no-exit-message]
test-chaos *OPTIONS: _prepared
    @{{ quote(python) }} -m pytest -m chaos -n 2 --dist loadfile --no-loadscope-reorder tests/chaos "$@"

# Build the engines of `observe full`, then test every signal with faults; OPTIONS go to pytest.
[group("develop")]
[no-exit-message]
test-observability *OPTIONS: _prepared
    @{{ quote(python) }} -m stack engines
    @{{ quote(python) }} -m pytest -m observability tests/observability "$@"

# Start docker-compose.yml on a Docker engine of its own, as root, and kill its parts.
[group("develop")]
[no-exit-message]
test-compose *OPTIONS: _prepared
    @{{ quote(python) }} -m tests_support.compose
    @{{ quote(python) }} -m pytest -m compose tests/compose "$@"

# Build the harness that stands in for k6, then run the k6 scripts in it; OPTIONS go to pytest.
[group("develop")]
[no-exit-message]
test-k6 *OPTIONS: _prepared
    @{{ quote(python) }} -m tests_support.load.k6_harness
    @{{ quote(python) }} -m pytest -m k6 tests/k6 "$@"

# Send the services seeded random input for some minutes, two files at a time; OPTIONS go to pytest.
[group("develop")]
[no-exit-message]
test-fuzz *OPTIONS: _prepared
    @{{ quote(python) }} -m pytest -m fuzz -n 2 --dist loadfile --no-loadscope-reorder tests/fuzz "$@"

# Run codegen on contracts that nobody here wrote, from packages pinned by hash; OPTIONS go to pytest.
[group("develop")]
[no-exit-message]
test-contracts-foreign *OPTIONS: _prepared
    @{{ quote(python) }} -m pytest -m foreign tests/foreign "$@"

# Ask a registry of yours for all that codegen needs, under names of its own: test-registry URL.
[group("develop")]
[no-exit-message]
test-registry URL *OPTIONS: _prepared
    @export TALLY_TEST_REGISTRY_URL="$1"; shift; {{ quote(python) }} -m pytest -rs \
        tests/broker/test_registry_conformance.py tests/broker/test_registry_workflow.py "$@"

# Run the tests that need no broker, in seconds; OPTIONS go to pytest.
[group("develop")]
[no-exit-message]
test-unit *OPTIONS: _prepared
    @{{ quote(python) }} -m pytest tests/unit "$@"

# Break the exactly-once core on purpose, one change at a time; each must make a named test fail.
[group("develop")]
[no-exit-message]
mutants *WORDS: _prepared
    @{{ quote(python) }} -m tests_support.mutants "$@"

# Let faults happen at random under load, then check every promise: chaos [MINUTES] [SEED].
[group("develop")]
[no-exit-message]
chaos *OPTIONS: _prepared
    @{{ quote(python) }} -m tests_support.soak "$@"

# Attack a system beside healthy load, then check the promises: hostile [MINUTES] [SEED] [ATTACK...].
[group("develop")]
[no-exit-message]
hostile *OPTIONS: _prepared
    @{{ quote(python) }} -m tests_support.hostile "$@"

# Format the code and repair what can be repaired, then tell what cannot.
[group("develop")]
[no-exit-message]
lint: _prepared
    {{ quote(python) }} -m ruff format
    {{ quote(python) }} -m ruff check --fix
    {{ quote(python) }} -m codegen lint --fix
    @{{ quote(root / "justw") }} _check

# Tell what is wrong and change nothing.
[group("develop")]
[no-exit-message]
lint-ci: _prepared
    {{ quote(python) }} -m ruff format --check
    {{ quote(python) }} -m ruff check
    @{{ quote(root / "justw") }} _check

[private]
[no-exit-message]
_check: _prepared
    {{ quote(python) }} -m mypy
    {{ quote(root / ".venv" / "bin" / "lint-imports") }}
    {{ quote(python) }} -m codegen lint

# Measure throughput and latency, each beside its limit in the same run.
[group("measure")]
[no-exit-message]
bench *NAME: _prepared
    @{{ quote(python) }} -m benchmarks "$@"

# Load the running system, judge it by its ledger; PROFILE: smoke (the default), peak, …; --k6: by k6.
[group("measure")]
[no-exit-message]
load *OPTIONS: _prepared
    @{{ quote(python) }} -m loadtests run "$@"

# Build a k6 with the extension k6/x/tally by your own xk6 into build/k6; exit 2 when there is no xk6.
[group("measure")]
[no-exit-message]
k6 *OPTIONS: _prepared
    @{{ quote(python) }} -m loadtests.external.k6_build "$@"

# Measure one figure with ghz as well, an independent client; exit 99 when the two disagree.
[group("measure")]
[no-exit-message]
load-check *OPTIONS: _prepared
    @{{ quote(python) }} -m loadtests check "$@"

# Show two runs of `just load` side by side: A and B are folders below build/load.
[group("measure")]
[no-exit-message]
load-compare A B: _prepared
    @{{ quote(python) }} -m loadtests compare "$@"

# Take the pictures of the documents in headless Chromium, while `observe` and traffic run.
[group("maintain")]
[no-exit-message]
screenshots: _prepared
    @{{ quote(python) }} -m tests_support.pages.screenshots

# Write what wheel, images and native stack are made of to build/sbom, with licences (CycloneDX).
[group("maintain")]
[no-exit-message]
sbom *OPTIONS: _prepared
    @{{ quote(python) }} -m stack.supply sbom "$@"

# Build the wheel of what is committed into dist; one commit gives the same bytes anywhere.
[group("maintain")]
[no-exit-message]
wheel *OPTIONS: _prepared
    @{{ quote(python) }} -m stack.supply wheel "$@"

# Look up the pinned Python packages in a list of known faults; exit 69 when there is no data.
[group("maintain")]
[no-exit-message]
audit-pins: _prepared
    @{{ quote(python) }} -m stack.supply audit-pins

# Pin all packages anew (maintainers; needs the network): requirements/*.txt and stack/*.lock.
[group("maintain")]
[no-exit-message]
lock *OPTIONS: _prepared
    @{{ quote(root / "justw") }} _lock "$@"

# justw puts uv on the path.
[private]
[no-exit-message]
_lock *OPTIONS: _prepared
    @{{ quote(python) }} -m stack.fetch.relock "$@"
