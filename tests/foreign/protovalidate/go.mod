module tally.example/protovalidate-cases

go 1.24

require buf.build/go/protovalidate v1.4.0
