package script

import (
	"crypto/md5"
	"encoding/hex"
	"sync"
)

// Check counts how often one check held.
type Check struct {
	Name   string `json:"name"`
	Path   string `json:"path"`
	ID     string `json:"id"`
	Passes int64  `json:"passes"`
	Fails  int64  `json:"fails"`
}

// Checks has all checks in the order in which they were first made.
type Checks struct {
	mutex sync.Mutex
	byID  map[string]*Check
	order []*Check
}

func (c *Checks) add(name string, held bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.byID == nil {
		c.byID = map[string]*Check{}
	}
	check, found := c.byID[name]
	if !found {
		path := "::" + name
		sum := md5.Sum([]byte(path)) // as k6 makes ids of names
		check = &Check{Name: name, Path: path, ID: hex.EncodeToString(sum[:])}
		c.byID[name] = check
		c.order = append(c.order, check)
	}
	if held {
		check.Passes++
	} else {
		check.Fails++
	}
}

// All returns a copy of them.
func (c *Checks) All() []Check {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	all := []Check{}
	for _, each := range c.order {
		all = append(all, *each)
	}
	return all
}
