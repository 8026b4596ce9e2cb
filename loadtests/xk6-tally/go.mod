module tally.internal/xk6-tally

go 1.26.0

// An extension is compiled into k6; here, into a stub of k6's interfaces. xk6 ignores this line and takes k6 itself.
replace go.k6.io/k6/v2 => ../../tests/k6/stub

require (
	github.com/hamba/avro/v2 v2.31.0
	github.com/twmb/franz-go v1.22.3
	github.com/twmb/franz-go/pkg/kadm v1.20.0
	go.k6.io/k6/v2 v2.2.0
	go.opentelemetry.io/otel v1.47.0
	go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp v1.47.0
	go.opentelemetry.io/otel/sdk v1.47.0
	go.opentelemetry.io/otel/trace v1.47.0
)
