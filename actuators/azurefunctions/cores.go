package azurefunctions

import (
	"fmt"
	"sync"

	"pilotlight/models"
)

// cores remembers how many cores the always-ready instances of the apps count against the quota of their subscription and
// region.
type cores struct {
	mu  sync.Mutex
	all map[region]map[string]float64
}

// region is where a quota counts.
type region struct{ subscription, name string }

// set remembers what an app has.
func (c *cores) set(of app, s state) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := region{of.subscription, s.region}
	if c.all == nil {
		c.all = make(map[region]map[string]float64)
	}
	if c.all[at] == nil {
		c.all[at] = make(map[string]float64)
	}
	c.all[at][of.key()] = float64(s.ready) * coresOf(s.memory)
}

// take sets aside the cores of a capacity, or says why a raise does not fit the quota together with what is known of the other
// apps; 0 is no quota. It returns the function that gives them back if the write does not happen. What fits here can still be
// refused by Azure, which knows all apps and counts on-demand instances too.
func (c *cores) take(of app, have state, to models.Capacity, quota float64) (giveBack func(), err error) {
	warm, ok := to.Warm()
	if !ok {
		warm = have.warm
	}
	mb, ok := to.Memory()
	if !ok {
		mb = have.memory
	}
	before := float64(have.ready) * coresOf(have.memory)
	after := float64(have.ready-have.warm+warm) * coresOf(mb)
	c.mu.Lock()
	defer c.mu.Unlock()
	// Cores are quarters, so that their sum does not depend on the order.
	known, others := c.all[region{of.subscription, have.region}], 0.0
	for key, n := range known {
		if key != of.key() {
			others += n
		}
	}
	if quota == 0 || after <= before || others+after <= quota {
		known[of.key()] = after
		return func() { c.set(of, have) }, nil
	}
	return nil, fmt.Errorf("the always-ready instances would have %v cores, and with %v of other apps that is more than the quota of %v in %s; "+
		"ask Azure for more and raise core_quota, or lower max_warm", after, others, quota, have.region)
}
