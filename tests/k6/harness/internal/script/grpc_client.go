package script

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/dop251/goja"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"tally/tests/k6/harness/internal/schedule"
)

const grpcTimeout = 60 * time.Second

// grpcClient is what `new grpc.Client()` makes.
type grpcClient struct {
	vu    *VU
	conn  *grpc.ClientConn
	files *protoregistry.Files
}

// Connect opens the connection and waits until it stands.
func (c *grpcClient) Connect(address string, params goja.Value) error {
	if err := c.vu.afterInit("client.connect"); err != nil {
		return err
	}
	known := []string{"plaintext", "reflect", "reflectMetadata", "timeout", "maxReceiveSize", "maxSendSize", "tls"}
	fields := c.vu.fieldsOf("connect params", params, known...)
	timeout, err := timeoutOf(fields["timeout"], grpcTimeout)
	if err != nil {
		return err
	}
	ctx, release := contextWithTimeout(c.vu.ctx, timeout)
	defer release()
	dialling := &dialler{client: c.vu.http}
	options, err := c.dialOptions(fields, dialling)
	if err != nil {
		return err
	}
	if err := errors.Join(c.Close()); err != nil {
		return err
	}
	if c.conn, err = grpc.NewClient(address, options...); err != nil {
		return err
	}
	if err := ready(ctx, c.conn, dialling); err != nil {
		if c.vu.ctx.Err() != nil {
			return c.vu.interrupted()
		}
		return errors.Join(fmt.Errorf("cannot connect to %s: %w", address, err), c.Close())
	}
	if value := fields["reflect"]; value != nil && value.ToBoolean() {
		c.files, err = reflected(ctx, c.conn, metadata.New(c.vu.textsOf(fields["reflectMetadata"])))
	}
	if c.vu.ctx.Err() != nil {
		return c.vu.interrupted()
	}
	return err
}

func (c *grpcClient) dialOptions(fields map[string]goja.Value, dialling *dialler) ([]grpc.DialOption, error) {
	sizes := []grpc.CallOption{}
	if value := fields["maxReceiveSize"]; value != nil {
		sizes = append(sizes, grpc.MaxCallRecvMsgSize(int(value.ToInteger())))
	}
	if value := fields["maxSendSize"]; value != nil {
		sizes = append(sizes, grpc.MaxCallSendMsgSize(int(value.ToInteger())))
	}
	transport := insecure.NewCredentials()
	if value := fields["plaintext"]; value == nil || !value.ToBoolean() {
		config, err := c.tlsConfig(fields["tls"])
		if err != nil {
			return nil, err
		}
		transport = credentials.NewTLS(config)
	}
	return []grpc.DialOption{
		grpc.WithTransportCredentials(transport), grpc.WithContextDialer(dialling.dial),
		grpc.WithDefaultCallOptions(sizes...), grpc.WithUserAgent(c.vu.host.Options.UserAgent),
	}, nil
}

func (c *grpcClient) tlsConfig(params goja.Value) (*tls.Config, error) {
	fields := c.vu.fieldsOf("tls params", params, "cacerts", "cert", "key", "insecureSkipVerify")
	config := &tls.Config{InsecureSkipVerify: c.vu.host.Options.InsecureSkipTLSVerify}
	if value := fields["insecureSkipVerify"]; value != nil {
		config.InsecureSkipVerify = value.ToBoolean()
	}
	if value := fields["cacerts"]; value != nil {
		config.RootCAs = x509.NewCertPool()
		text := value.String()
		if list, is := value.Export().([]any); is {
			text = ""
			for _, each := range list {
				text += fmt.Sprintln(each)
			}
		}
		if !config.RootCAs.AppendCertsFromPEM([]byte(text)) {
			return nil, errors.New("tls.cacerts has no certificate in PEM")
		}
	}
	if cert, key := fields["cert"], fields["key"]; cert != nil && key != nil {
		pair, err := tls.X509KeyPair([]byte(cert.String()), []byte(key.String()))
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// Close closes the connection.
func (c *grpcClient) Close() error {
	if c.conn == nil {
		return nil
	}
	err := c.conn.Close()
	c.conn = nil
	return err
}

// method finds `package.Service/Method` in what reflection told.
func (c *grpcClient) method(name string) (protoreflect.MethodDescriptor, error) {
	if c.conn == nil {
		return nil, errors.New("no gRPC connection: call client.connect first")
	}
	service, method, found := strings.Cut(strings.TrimPrefix(name, "/"), "/")
	if !found || c.files == nil {
		return nil, fmt.Errorf("unknown method %q: write package.Service/Method, and connect with reflect: true", name)
	}
	descriptor, err := c.files.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		return nil, fmt.Errorf("the server has no service %q", service)
	}
	if services, is := descriptor.(protoreflect.ServiceDescriptor); is {
		if found := services.Methods().ByName(protoreflect.Name(method)); found != nil {
			return found, nil
		}
	}
	return nil, fmt.Errorf("the server's service %q has no method %q", service, method)
}

func timeoutOf(value goja.Value, otherwise time.Duration) (time.Duration, error) {
	if value == nil {
		return otherwise, nil
	}
	return schedule.ParseDuration(value.Export())
}

// dialler remembers why it could not connect, which a connection does not tell.
type dialler struct {
	client *httpClient
	mutex  sync.Mutex
	err    error
}

func (d *dialler) dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := d.client.dial(ctx, "tcp", address)
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.err = err
	return conn, err
}

// ready waits until the connection stands; the first failure ends it.
func ready(ctx context.Context, conn *grpc.ClientConn, dialling *dialler) error {
	conn.Connect()
	for state := conn.GetState(); state != connectivity.Ready; state = conn.GetState() {
		if state == connectivity.TransientFailure {
			dialling.mutex.Lock()
			defer dialling.mutex.Unlock()
			if dialling.err != nil {
				return dialling.err
			}
			return errors.New("the server does not speak gRPC, or not as this connection's TLS settings say")
		}
		if !conn.WaitForStateChange(ctx, state) {
			return ctx.Err()
		}
	}
	return nil
}
