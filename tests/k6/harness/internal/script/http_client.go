package script

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"tally/tests/k6/harness/internal/metrics"
)

// httpClient has the connections of one VU, and counts what goes over them and over those of gRPC.
type httpClient struct {
	vu             *VU
	client         *http.Client
	expected       statuses // of setResponseCallback
	sent, received atomic.Int64
}

func newHTTPClient(vu *VU) *httpClient {
	options := vu.host.Options
	made := &httpClient{vu: vu, expected: statuses{{200, 399}}}
	made.client = &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: made.dial, DisableKeepAlives: options.NoConnectionReuse,
			TLSClientConfig: &tls.Config{InsecureSkipVerify: options.InsecureSkipTLSVerify},
		},
	}
	return made
}

func (c *httpClient) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &counted{Conn: conn, client: c}, nil
}

// flush gives the metrics what was sent and received since the last time.
func (c *httpClient) flush() {
	if c == nil {
		return
	}
	for name, count := range map[string]*atomic.Int64{"data_sent": &c.sent, "data_received": &c.received} {
		if bytes := count.Swap(0); bytes > 0 {
			c.vu.add(name, float64(bytes), nil)
		}
	}
}

type counted struct {
	net.Conn
	client *httpClient
}

func (c *counted) Read(buffer []byte) (int, error) {
	count, err := c.Conn.Read(buffer)
	c.client.received.Add(int64(count))
	return count, err
}

func (c *counted) Write(buffer []byte) (int, error) {
	count, err := c.Conn.Write(buffer)
	c.client.sent.Add(int64(count))
	return count, err
}

// Timings of one request in ms, as k6 divides them.
type Timings struct {
	Blocked, Connecting, TLSHandshaking, Sending, Waiting, Receiving, Duration float64
}

// stopwatch notes the steps of one request. The transport may tell it from other goroutines, hence the atomics.
type stopwatch struct {
	began                                    time.Time
	got, connect, connected, secure, secured atomic.Int64
	wrote, first                             atomic.Int64
}

func (s *stopwatch) trace(ctx context.Context) context.Context {
	s.began = time.Now()
	note := func(moment *atomic.Int64) { moment.Store(int64(time.Since(s.began))) }
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:              func(httptrace.GotConnInfo) { note(&s.got) },
		ConnectStart:         func(string, string) { note(&s.connect) },
		ConnectDone:          func(string, string, error) { note(&s.connected) },
		TLSHandshakeStart:    func() { note(&s.secure) },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { note(&s.secured) },
		WroteRequest:         func(httptrace.WroteRequestInfo) { note(&s.wrote) },
		GotFirstResponseByte: func() { note(&s.first) },
	})
}

// timings returns the steps; duration is without the connecting, as k6 has it.
func (s *stopwatch) timings() Timings {
	between := func(from, to *atomic.Int64) float64 {
		return max(0, metrics.Milliseconds(time.Duration(to.Load()-from.Load())))
	}
	ended := atomic.Int64{}
	ended.Store(int64(time.Since(s.began)))
	zero := atomic.Int64{}
	found := Timings{
		Connecting: between(&s.connect, &s.connected), TLSHandshaking: between(&s.secure, &s.secured),
	}
	found.Blocked = max(0, between(&zero, &s.got)-found.Connecting-found.TLSHandshaking)
	if s.first.Load() > 0 {
		found.Sending, found.Waiting = between(&s.got, &s.wrote), between(&s.wrote, &s.first)
		found.Receiving = between(&s.first, &ended)
	}
	found.Duration = found.Sending + found.Waiting + found.Receiving
	return found
}
