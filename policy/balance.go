package policy

import (
	"sync"

	"pilotlight/models"
)

// Balance is what the targets that share limits have of them, from the last Allocate on: right before each write it tells whether
// there is still room, since what others have may have changed while the write waited for its turn. It is safe for concurrent use.
type Balance struct {
	mu      sync.Mutex
	targets map[models.TargetID]*holding
}

// holding is what one target has.
type holding struct {
	floor int
	usd   float64
	pools []*balance
}

// balance is one shared limit: what all its targets have together, and what they may.
type balance struct {
	pool       *pool
	has, limit float64
}

// balanceOf sums up what the targets have. Their limit is what there is room for, or what the allocation itself grants where what must
// stay needs more.
func balanceOf(order []*demand, pools []*pool) *Balance {
	b := &Balance{targets: map[models.TargetID]*holding{}}
	of := make(map[*pool]*balance, len(pools))
	for _, p := range pools {
		of[p] = &balance{pool: p, limit: p.room}
	}
	granted := make(map[*pool]float64, len(pools))
	for _, d := range order {
		if len(d.pools) == 0 {
			continue
		}
		a := &holding{floor: d.have, usd: d.usd}
		for _, p := range d.pools {
			a.pools = append(a.pools, of[p])
			of[p].has += p.cost(d, d.have)
			granted[p] += p.cost(d, max(d.have, d.grant))
		}
		b.targets[d.Decision.Target] = a
	}
	for p, sum := range granted {
		of[p].limit = max(of[p].limit, sum)
	}
	return b
}

// cost is what so many instances draw.
func (a *holding) cost(b *balance, instances int) float64 {
	if b.pool.quota != nil {
		return float64(instances)
	}
	return float64(instances) * a.usd
}

// Draw takes note that a target gets a floor, unless that is more than it has and a limit has no room for it any more: then it
// returns why. A nil Balance and a target without limits always have room.
func (b *Balance) Draw(id models.TargetID, floor int) *models.Reason {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.targets[id]
	if a == nil {
		return nil
	}
	for _, p := range a.pools {
		after := p.has + a.cost(p, floor) - a.cost(p, a.floor)
		if floor <= a.floor || after <= p.limit*(1+slack)+slack {
			continue
		}
		code := models.ReasonBudget
		if p.pool.quota != nil {
			code = models.ReasonQuota
		}
		return &models.Reason{
			Code: code, Detail: "no room for it any more in " + p.pool.label(),
			Numbers: []models.Number{models.Num("needed", after), models.Num("allowed", p.limit)},
		}
	}
	a.set(floor)
	return nil
}

// Note takes note of the floor that a target was seen to have.
func (b *Balance) Note(id models.TargetID, floor int) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if a := b.targets[id]; a != nil {
		a.set(floor)
	}
}

// set gives the target another floor.
func (a *holding) set(floor int) {
	for _, p := range a.pools {
		p.has += a.cost(p, floor) - a.cost(p, a.floor)
	}
	a.floor = floor
}
