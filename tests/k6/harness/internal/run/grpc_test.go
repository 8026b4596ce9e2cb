package run

import (
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
)

// healthServer serves gRPC's health service, by reflection in both versions.
func healthServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	service := health.NewServer()
	service.SetServingStatus("unknown", healthpb.HealthCheckResponse_UNKNOWN)
	healthpb.RegisterHealthServer(server, service)
	reflection.Register(server)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

// Unary calls by reflection: messages in protobuf's JSON form with zero values, statuses by name, samples with tags.
func TestGRPC(t *testing.T) {
	source := failing(`import grpc from 'k6/net/grpc'; const client = new grpc.Client();`, `
client.connect(__ENV.GRPC, { plaintext: true, reflect: true, timeout: '5s' });
const check1 = (service, params) => client.invoke('grpc.health.v1.Health/Check', { service }, params);
check(check1('', { metadata: { a: 'b' }, tags: { operation: 'x' }, timeout: '5s' }), {
    ok: (r) => r.status === grpc.StatusOK && r.message.status === 'SERVING' && r.error === null,
    headers: (r) => r.headers['content-type'][0] === 'application/grpc' && typeof r.trailers === 'object',
});
check(check1('unknown'), { zero: (r) => r.message.status === 'UNKNOWN' });
check(check1('none'), { refused: (r) => r.status === grpc.StatusNotFound && r.message === null && r.error.code === 5 && r.error.message !== '' });
const thrown = (call) => { try { call(); return 'nothing'; } catch (e) { return String(e); } };
check(null, {
    method: () => thrown(() => client.invoke('grpc.health.v1.Health/Nothing', {})).includes('no method'),
    service: () => thrown(() => client.invoke('nothing.Service/Check', {})).includes('no service'),
    field: () => thrown(() => client.invoke('grpc.health.v1.Health/Check', { nothing: 1 })).includes('nothing'),
    stream: () => thrown(() => client.invoke('grpc.health.v1.Health/Watch', {})).includes('streams'),
    parameter: () => thrown(() => check1('', { authority: 'a' })).includes('authority'),
});
client.close();
check(null, {
    closed: () => thrown(() => check1('')).includes('connect'),
    tls: () => thrown(() => client.connect(__ENV.GRPC, { timeout: '5s' })).includes('cannot connect'),
    nobody: () => thrown(() => client.connect('127.0.0.1:1', { plaintext: true })).includes('refused'),
});
`) + `
options.thresholds['grpc_req_duration{operation:x,status:0,method:Check}'] = ['max>0'];
options.thresholds['grpc_req_duration{status:5}'] = ['max>0'];
`
	found := runScript(t, source, "GRPC="+healthServer(t)).exits(t, OK)
	if found.value("data_sent", "count") <= 0 || len(found.data.RootGroup.Checks) != 12 {
		t.Error(found.stdout)
	}
}
