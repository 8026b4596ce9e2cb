package metrics

// What k6 measures by itself, as far as this harness does.
var builtin = []struct {
	name     string
	kind     Type
	contains string
}{
	{"vus", Gauge, Default},
	{"vus_max", Gauge, Default},
	{"iterations", Counter, Default},
	{"iteration_duration", Trend, Time},
	{"dropped_iterations", Counter, Default},
	{"checks", Rate, Default},
	{"data_sent", Counter, Data},
	{"data_received", Counter, Data},
	{"http_reqs", Counter, Default},
	{"http_req_failed", Rate, Default},
	{"http_req_duration", Trend, Time},
	{"http_req_blocked", Trend, Time},
	{"http_req_connecting", Trend, Time},
	{"http_req_tls_handshaking", Trend, Time},
	{"http_req_sending", Trend, Time},
	{"http_req_waiting", Trend, Time},
	{"http_req_receiving", Trend, Time},
	{"grpc_req_duration", Trend, Time},
}
