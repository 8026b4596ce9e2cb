package script

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/dop251/goja"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"tally/tests/k6/harness/internal/metrics"
)

func moduleGRPC(vu *VU) *module {
	named := map[string]any{"Client": vu.newGRPCClient}
	for code := codes.OK; code <= codes.Unauthenticated; code++ {
		named["Status"+code.String()] = int64(code)
	}
	return &module{named: named}
}

func (vu *VU) newGRPCClient(goja.ConstructorCall) *goja.Object {
	client := &grpcClient{vu: vu}
	object := vu.runtime.NewObject()
	for name, method := range map[string]any{
		"connect": client.Connect, "close": client.Close, "invoke": client.invoke, "loadProtoset": client.loadProtoset,
	} {
		vu.must(object.Set(name, method))
	}
	return vu.strict("grpc.Client", object)
}

// invoked is what client.invoke returns.
type invoked struct {
	Status   int64               `js:"status"`
	Message  goja.Value          `js:"message"`
	Error    goja.Value          `js:"error"`
	Headers  map[string][]string `js:"headers"`
	Trailers map[string][]string `js:"trailers"`
}

// invoke makes a unary call. Only what is wrong before the call is an exception; else the status tells.
func (c *grpcClient) invoke(name string, request, params goja.Value) (*goja.Object, error) {
	vu := c.vu
	if err := vu.afterInit("client.invoke"); err != nil {
		return nil, err
	}
	fields := vu.fieldsOf("invoke params", params, "metadata", "tags", "timeout")
	timeout, err := timeoutOf(fields["timeout"], grpcTimeout)
	if err != nil {
		return nil, err
	}
	method, err := c.method(name)
	if err != nil {
		return nil, err
	}
	if method.IsStreamingClient() || method.IsStreamingServer() {
		return nil, fmt.Errorf("%s streams: this harness has unary calls only", name)
	}
	sent, received := dynamicpb.NewMessage(method.Input()), dynamicpb.NewMessage(method.Output())
	if err := c.read(request, sent); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	ctx, release := contextWithTimeout(vu.ctx, timeout)
	defer release()
	ctx = metadata.NewOutgoingContext(ctx, metadata.New(vu.textsOf(fields["metadata"])))
	var headers, trailers metadata.MD
	path := fmt.Sprintf("/%s/%s", method.Parent().FullName(), method.Name())
	began := time.Now()
	err = c.conn.Invoke(ctx, path, sent, received, grpc.Header(&headers), grpc.Trailer(&trailers))
	lasted := time.Since(began)
	if vu.ctx.Err() != nil {
		return nil, vu.interrupted()
	}
	answered := status.Convert(err)
	tags := metrics.Tags{
		"name": path, "method": string(method.Name()), "service": string(method.Parent().FullName()),
		"url": c.conn.Target() + path, "status": strconv.Itoa(int(answered.Code())),
	}
	for tag, value := range vu.textsOf(fields["tags"]) {
		tags[tag] = value
	}
	vu.add("grpc_req_duration", metrics.Milliseconds(lasted), tags)
	response := &invoked{
		Status: int64(answered.Code()), Headers: headers, Trailers: trailers, Message: goja.Null(), Error: goja.Null(),
	}
	if err != nil {
		response.Error = c.writtenError(answered)
	} else {
		response.Message = c.written(received)
	}
	return vu.strict("gRPC response", vu.runtime.ToValue(response).ToObject(vu.runtime)), nil
}

// read fills a message from an object by protobuf's JSON mapping. What the message does not have is an error.
func (c *grpcClient) read(request goja.Value, into proto.Message) error {
	if absent(request) {
		return errors.New("the request must be an object")
	}
	text, err := json.Marshal(request)
	if err != nil {
		return err
	}
	return protojson.UnmarshalOptions{Resolver: dynamicpb.NewTypes(c.files)}.Unmarshal(text, into)
}

// written returns a message as an object, zero values included.
func (c *grpcClient) written(message proto.Message) goja.Value {
	options := protojson.MarshalOptions{EmitUnpopulated: true, Resolver: dynamicpb.NewTypes(c.files)}
	text, err := options.Marshal(message)
	if err != nil {
		c.vu.throw(fmt.Errorf("the response cannot be written as JSON: %w", err))
	}
	return c.vu.parse(string(text))
}

// writtenError returns a status; its details are left out where the server does not tell their types.
func (c *grpcClient) writtenError(answered *status.Status) goja.Value {
	told := answered.Proto()
	known := dynamicpb.NewTypes(c.files)
	for _, detail := range told.GetDetails() {
		if _, err := known.FindMessageByURL(detail.GetTypeUrl()); err != nil {
			told.Details = nil
			break
		}
	}
	return c.written(told)
}
