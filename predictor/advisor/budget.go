package advisor

import (
	"fmt"
	"sync"
	"time"
)

// Usage is what a UTC day has cost so far.
type Usage struct {
	// Day is the day, as 2026-03-02.
	Day string `json:"day"`
	// Requests counts requests, TokensIn and TokensOut tokens; USD is their price.
	Requests  int     `json:"requests"`
	TokensIn  int     `json:"tokens_in"`
	TokensOut int     `json:"tokens_out"`
	USD       float64 `json:"usd"`
}

// maxCounted bounds the tokens that an endpoint may say a request took.
const maxCounted = 100_000_000

// budget counts what a day costs. Safe for concurrent use.
type budget struct {
	config BudgetConfig

	mu   sync.Mutex
	used Usage
	// heldIn and heldOut are the tokens that requests under way may take.
	heldIn, heldOut int
}

// tokens is a number of tokens in and out.
type tokens struct{ in, out int }

// price returns what tokens cost, in dollars.
func (b *budget) price(t tokens) float64 {
	return (float64(t.in)*b.config.InputPerMillion + float64(t.out)*b.config.OutputPerMillion) / 1e6
}

// roll begins a new day if it is one. The caller holds mu. A clock that goes back does not begin a day anew.
func (b *budget) roll(now time.Time) {
	if day := now.UTC().Format(time.DateOnly); day > b.used.Day {
		b.used = Usage{Day: day}
	}
}

// hold sets the most that a request may take aside. It fails if that is more than is left of the day.
func (b *budget) hold(now time.Time, most tokens) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.roll(now)
	in, out := b.used.TokensIn+b.heldIn+most.in, b.used.TokensOut+b.heldOut+most.out
	if in+out > b.config.TokensPerDay {
		return fmt.Errorf("%w: with it, %d tokens of %d could be used; raise budget.tokens_per_day, or wait for the next day (UTC)", ErrBudget, in+out, b.config.TokensPerDay)
	}
	if usd := b.used.USD + b.price(tokens{b.heldIn + most.in, b.heldOut + most.out}); b.config.USDPerDay > 0 && usd > b.config.USDPerDay {
		return fmt.Errorf("%w: with it, %.4f dollars of %.4f could be used; raise budget.usd_per_day, or wait for the next day (UTC)", ErrBudget, usd, b.config.USDPerDay)
	}
	b.heldIn += most.in
	b.heldOut += most.out
	return nil
}

// settle counts what a request took, after hold.
func (b *budget) settle(now time.Time, most, took tokens) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heldIn -= most.in
	b.heldOut -= most.out
	b.roll(now)
	took.in, took.out = min(max(took.in, 0), maxCounted), min(max(took.out, 0), maxCounted)
	usd := b.price(took)
	b.used.Requests++
	b.used.TokensIn += took.in
	b.used.TokensOut += took.out
	b.used.USD += usd
	return usd
}

// usage returns what the day has cost so far.
func (b *budget) usage(now time.Time) Usage {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.roll(now)
	return b.used
}

// restore takes over what was used before a restart, if it is of the present day or a later one, and more than is known.
func (b *budget) restore(now time.Time, u Usage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.roll(now)
	if _, err := time.Parse(time.DateOnly, u.Day); err != nil || u.Day != b.used.Day {
		return
	}
	b.used.Requests = max(b.used.Requests, u.Requests)
	b.used.TokensIn = max(b.used.TokensIn, u.TokensIn)
	b.used.TokensOut = max(b.used.TokensOut, u.TokensOut)
	b.used.USD = max(b.used.USD, u.USD)
}

// estimate returns about how many tokens a text has, rather too many: three bytes each.
func estimate(bytes int) int { return bytes/3 + 1 }
