// Package topic reads what the topic has of a run, read_committed, by the contract from the registry; and it produces
// poison on purpose.
package topic

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hamba/avro/v2"
)

const (
	frameBytes       = 5 // Confluent framing: a zero byte, then the schema's id in 4 bytes, big-endian
	registryWait     = 30 * time.Second
	registryBytesMax = 1 << 20
)

// registry has the schemas by id, each fetched once. For one goroutine.
type registry struct {
	url     string
	schemas map[int]avro.Schema
}

func newRegistry(url string) *registry {
	return &registry{url: strings.TrimRight(url, "/"), schemas: map[int]avro.Schema{}}
}

// schema returns the writer's schema of an id.
func (r *registry) schema(ctx context.Context, id int) (avro.Schema, error) {
	if known, there := r.schemas[id]; there {
		return known, nil
	}
	var answer struct{ Schema string }
	if err := r.get(ctx, fmt.Sprintf("schemas/ids/%d", id), &answer); err != nil {
		return nil, err
	}
	// A cache of its own: two ids may name a type alike and mean different ones.
	parsed, err := avro.ParseWithCache(answer.Schema, "", &avro.SchemaCache{})
	if err != nil {
		return nil, fmt.Errorf("the registry's schema %d cannot be read: %w", id, err)
	}
	r.schemas[id] = parsed
	return parsed, nil
}

// latest returns the id of a subject's newest version.
func (r *registry) latest(ctx context.Context, subject string) (int, error) {
	var answer struct{ ID int }
	err := r.get(ctx, "subjects/"+url.PathEscape(subject)+"/versions/latest", &answer)
	return answer.ID, err
}

func (r *registry) get(ctx context.Context, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, registryWait)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/"+path, nil)
	if err != nil {
		return fmt.Errorf("registry %q is not a URL: %w", r.url, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("the registry does not answer: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, registryBytesMax))
	if err != nil {
		return fmt.Errorf("the registry does not answer %s: %w", path, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the registry answers %s with %s", path, response.Status)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the registry's answer to %s is not JSON: %w", path, err)
	}
	return nil
}

// errFraming: the value does not begin with a frame.
var errFraming = errors.New("no Confluent framing with a schema id")

func unframe(value []byte) (id int, body []byte, err error) {
	if len(value) < frameBytes || value[0] != 0 {
		return 0, nil, errFraming
	}
	return int(binary.BigEndian.Uint32(value[1:])), value[frameBytes:], nil
}

func frame(id int, body []byte) []byte {
	framed := binary.BigEndian.AppendUint32(make([]byte, 1, frameBytes+len(body)), uint32(id))
	return append(framed, body...)
}

// decode reads a framed value by its writer's schema; fields that the target does not have are skipped.
func (r *registry) decode(ctx context.Context, value []byte, into any) error {
	id, body, err := unframe(value)
	if err != nil {
		return err
	}
	schema, err := r.schema(ctx, id)
	if err != nil {
		return &lookupError{err}
	}
	return avro.Unmarshal(schema, body, into)
}

// lookupError: the record may be right, but its schema could not be had; no verdict can be given on it.
type lookupError struct{ cause error }

func (e *lookupError) Error() string { return e.cause.Error() }
func (e *lookupError) Unwrap() error { return e.cause }
