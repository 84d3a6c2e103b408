package advisor

import (
	"slices"
	"sync"
	"time"
)

// maxCached bounds the answers that are kept.
const maxCached = 64

// cache keeps answers by what was asked. Safe for concurrent use.
type cache struct {
	ttl time.Duration

	mu sync.Mutex
	// entries are in the order in which they came.
	entries []cached
}

// cached is an answer.
type cached struct {
	key            [32]byte
	content, model string
	at             time.Time
}

// get returns an answer that is not too old.
func (c *cache) get(now time.Time, key [32]byte) (cached, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.entries {
		if e.key == key && now.Before(e.at.Add(c.ttl)) && !now.Before(e.at) {
			return e, true
		}
	}
	return cached{}, false
}

// put keeps an answer; the oldest one goes where there are too many.
func (c *cache) put(e cached) {
	if c.ttl <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries = slices.DeleteFunc(c.entries, func(old cached) bool { return old.key == e.key })
	if c.entries = append(c.entries, e); len(c.entries) > maxCached {
		c.entries = slices.Delete(c.entries, 0, 1)
	}
}
