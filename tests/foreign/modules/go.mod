module tally.example/foreign

go 1.24

require (
	buf.build/go/protovalidate v1.4.0
	google.golang.org/protobuf v1.36.12
)
