// Package script runs a k6 script: its modules, one JavaScript runtime for each VU, and the part of k6's API that
// the documentation of this harness lists.
package script

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/dop251/goja"
	"github.com/evanw/esbuild/pkg/api"
)

const (
	bundled   = "__script" // the global that has what the script exports
	importer  = "__module" // the global function that gives a module of k6
	namespace = "k6"
)

// bundle makes one program of a script and of all that it imports.
func bundle(path string) (*goja.Program, error) {
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{path}, Bundle: true, Format: api.FormatIIFE, GlobalName: bundled, Target: api.ESNext,
		Platform: api.PlatformNeutral, Charset: api.CharsetUTF8, Sourcemap: api.SourceMapInline,
		SourcesContent: api.SourcesContentExclude, LogLevel: api.LogLevelSilent, Write: false,
		LogOverride: map[string]api.LogLevel{"import-is-undefined": api.LogLevelError},
		Outfile:     strings.TrimSuffix(filepath.Base(path), ".js") + ".bundle.js",
		Plugins:     []api.Plugin{{Name: namespace, Setup: modulesOfK6}},
	})
	if len(result.Errors) > 0 {
		return nil, buildError(result.Errors[0])
	}
	return goja.Compile(path, string(result.OutputFiles[0].Contents), true)
}

func buildError(message api.Message) error {
	text := message.Text
	if message.PluginName == "" {
		text = "SyntaxError: " + text
	}
	if message.Location == nil {
		return errors.New(text)
	}
	return fmt.Errorf("%s (%s:%d)", text, filepath.Base(message.Location.File), message.Location.Line)
}

// modulesOfK6 answers imports of k6's modules with a list of their exports, so that an import of anything else fails.
func modulesOfK6(build api.PluginBuild) {
	build.OnResolve(api.OnResolveOptions{Filter: `^k6(/|$)`}, func(args api.OnResolveArgs) (api.OnResolveResult, error) {
		return api.OnResolveResult{Path: args.Path, Namespace: namespace}, nil
	})
	load := func(args api.OnLoadArgs) (api.OnLoadResult, error) {
		names, err := exportedNames(args.Path)
		if err != nil {
			return api.OnLoadResult{}, err
		}
		source := moduleSource(args.Path, names)
		return api.OnLoadResult{Contents: &source, Loader: api.LoaderJS}, nil
	}
	build.OnLoad(api.OnLoadOptions{Filter: `.*`, Namespace: namespace}, load)
}

func moduleSource(module string, names []string) string {
	lines := []string{fmt.Sprintf("const m = %s(%s);", importer, quoted(module)), "export default m.default;"}
	for at, name := range names {
		lines = append(lines, fmt.Sprintf("const v%d = m.named[%s]; export { v%d as %s };", at, quoted(name), at, name))
	}
	return strings.Join(lines, "\n")
}

func quoted(text string) string {
	encoded, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(encoded)
}
