package script

import (
	"fmt"
	"os"
	"path/filepath"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
)

// loadProtoset reads the contract from a file of descriptors, in place of reflection. The path begins at the script's
// folder, as open's does.
func (c *grpcClient) loadProtoset(path string) error {
	if !c.vu.initing {
		return fmt.Errorf("loadProtoset(%q) is allowed in the init context only", path)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(c.vu.host.Path), path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(content, set); err != nil {
		return fmt.Errorf("%s is no protoset: %w", path, err)
	}
	c.files, err = protodesc.NewFiles(set)
	return err
}
