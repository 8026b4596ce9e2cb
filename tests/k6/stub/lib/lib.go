// Package lib declares the state of a test and of a VU. See the README: this is a stub, not k6.
package lib

import (
	"maps"
	"sync"

	"go.k6.io/k6/v2/metrics"
)

// TestPreInitState is known before the script is read.
type TestPreInitState struct {
	Registry *metrics.Registry
}

// State is what a VU has while it runs an iteration, setup or teardown.
type State struct {
	Samples chan<- metrics.SampleContainer
	Tags    *VUStateTags
	VUID    uint64
}

// TagsAndMeta is a VU's tags at one moment.
type TagsAndMeta struct {
	Tags     *metrics.TagSet
	Metadata map[string]string
}

// VUStateTags holds a VU's tags, safe for goroutines.
type VUStateTags struct {
	mutex sync.RWMutex
	now   TagsAndMeta
}

// NewVUStateTags begins with the given tags.
func NewVUStateTags(tags *metrics.TagSet) *VUStateTags {
	return &VUStateTags{now: TagsAndMeta{Tags: tags}}
}

// GetCurrentValues returns the tags as they are now.
func (t *VUStateTags) GetCurrentValues() TagsAndMeta {
	t.mutex.RLock()
	defer t.mutex.RUnlock()
	return TagsAndMeta{Tags: t.now.Tags, Metadata: maps.Clone(t.now.Metadata)}
}

// Modify lets a function change the tags.
func (t *VUStateTags) Modify(change func(now *TagsAndMeta)) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	change(&t.now)
}
