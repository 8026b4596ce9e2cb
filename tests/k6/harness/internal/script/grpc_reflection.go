package script

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Servers offer the same protocol under one of these names.
var reflectionMethods = []string{
	"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
	"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
}

// reflected asks a server for the files of all its services.
func reflected(ctx context.Context, conn *grpc.ClientConn, more metadata.MD) (*protoregistry.Files, error) {
	var last error
	for _, method := range reflectionMethods {
		files, err := reflectedBy(metadata.NewOutgoingContext(ctx, more), conn, method)
		if err == nil {
			return files, nil
		}
		last = err
		if status.Code(err) != codes.Unimplemented {
			break
		}
	}
	return nil, fmt.Errorf("reflection: %w", last)
}

func reflectedBy(ctx context.Context, conn *grpc.ClientConn, method string) (*protoregistry.Files, error) {
	ctx, release := context.WithCancel(ctx)
	defer release()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		return nil, err
	}
	ask := func(request *reflection.ServerReflectionRequest) (*reflection.ServerReflectionResponse, error) {
		response := &reflection.ServerReflectionResponse{}
		if err := stream.SendMsg(request); err != nil {
			return nil, errors.Join(stream.RecvMsg(response), err) // the reason is what the server says
		}
		if err := stream.RecvMsg(response); err != nil {
			return nil, err
		}
		if refused := response.GetErrorResponse(); refused != nil {
			return nil, errors.New(refused.ErrorMessage)
		}
		return response, nil
	}
	listed, err := ask(&reflection.ServerReflectionRequest{
		MessageRequest: &reflection.ServerReflectionRequest_ListServices{},
	})
	if err != nil {
		return nil, err
	}
	found := &fileSet{ask: ask, byName: map[string]*descriptorpb.FileDescriptorProto{}}
	for _, service := range listed.GetListServicesResponse().GetService() {
		symbol := &reflection.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: service.Name}
		if err := found.add(&reflection.ServerReflectionRequest{MessageRequest: symbol}); err != nil {
			return nil, err
		}
	}
	return found.linked()
}

// fileSet gathers files, and those that they import.
type fileSet struct {
	ask    func(*reflection.ServerReflectionRequest) (*reflection.ServerReflectionResponse, error)
	byName map[string]*descriptorpb.FileDescriptorProto
}

func (s *fileSet) add(request *reflection.ServerReflectionRequest) error {
	response, err := s.ask(request)
	if err != nil {
		return err
	}
	missing := []string{}
	for _, raw := range response.GetFileDescriptorResponse().GetFileDescriptorProto() {
		file := &descriptorpb.FileDescriptorProto{}
		if err := proto.Unmarshal(raw, file); err != nil {
			return err
		}
		s.byName[file.GetName()] = file
		missing = append(missing, file.Dependency...)
	}
	for _, name := range missing {
		if _, found := s.byName[name]; found {
			continue
		}
		named := &reflection.ServerReflectionRequest_FileByFilename{FileByFilename: name}
		if err := s.add(&reflection.ServerReflectionRequest{MessageRequest: named}); err != nil {
			return err
		}
	}
	return nil
}

func (s *fileSet) linked() (*protoregistry.Files, error) {
	set := &descriptorpb.FileDescriptorSet{}
	for _, file := range s.byName {
		set.File = append(set.File, file)
	}
	return protodesc.NewFiles(set)
}
