package models

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"strconv"
	"time"
)

// Mode says how far Pilotlight may go.
type Mode string

// The modes.
const (
	// ModeDryRun recommends and never writes to a platform. The default.
	ModeDryRun Mode = "dry-run"
	// ModeApprove writes what an operator has approved.
	ModeApprove Mode = "approve"
	// ModeAuto writes by itself.
	ModeAuto Mode = "auto"
)

// ParseMode returns the mode of that name.
func ParseMode(name string) (Mode, error) {
	switch m := Mode(name); m {
	case ModeDryRun, ModeApprove, ModeAuto:
		return m, nil
	default:
		return "", fmt.Errorf("mode %q is not dry-run, approve or auto: %w", name, ErrInvalid)
	}
}

// NewID returns an id that depends on its parts only, so that a replay makes the same ids: 32 hexadecimal digits.
func NewID(kind string, target TargetID, at time.Time, extra string) string {
	// Every decision has one, so the parts are put together without fmt and, but for long ones, without memory.
	parts := make([]byte, 0, 256)
	parts = append(append(parts, kind...), 0)
	parts = append(append(parts, target...), 0)
	parts = append(strconv.AppendInt(parts, at.UnixNano(), 10), 0)
	parts = append(parts, extra...)
	var sum [16]byte
	high, low := fnv128a(parts)
	binary.BigEndian.PutUint64(sum[:8], high)
	binary.BigEndian.PutUint64(sum[8:], low)
	var text [32]byte
	hex.Encode(text[:], sum[:])
	return string(text[:])
}

// fnv128a is the 128-bit hash FNV-1a (Fowler, Noll and Vo), written out because the library's takes memory.
func fnv128a(data []byte) (high, low uint64) {
	high, low = 0x6c62272e07bb0142, 0x62b821756295c58d
	for _, c := range data {
		low ^= uint64(c)
		// The prime is 2^88 + 0x13b.
		carry, product := bits.Mul64(low, 0x13b)
		high, low = high*0x13b+carry+low<<24, product
	}
	return high, low
}

// Price is what a decision costs and saves, as far as it is known. Rates are for the capacity held, not differences.
type Price struct {
	// IdleGBs is the expected idle memory over the window of the decision, in GB-seconds.
	IdleGBs float64 `json:"idle_gb_s"`
	// ColdStarts is the expected number of cold starts over the window with the decided capacity.
	ColdStarts float64 `json:"cold_starts"`
	// ColdStartsSaved is how many fewer that is than with no warm instance at all.
	ColdStartsSaved float64 `json:"cold_starts_saved"`
	// USDPerHour is the list price of keeping the decided floor for an hour.
	USDPerHour float64 `json:"usd_per_hour"`
}

// Decision is what the policy made of one target at one time, with its reasons.
type Decision struct {
	ID     string    `json:"id"`
	Target TargetID  `json:"target"`
	At     time.Time `json:"at"`
	Mode   Mode      `json:"mode"`
	// Current is the capacity the platform had; unset levers are unknown.
	Current Capacity `json:"current"`
	// Desired is the capacity to have. An unset lever is left alone; with no lever set the decision is to hold.
	Desired Capacity `json:"desired"`
	// Reactive and Predicted are the instances that the load of the last minutes and the forecast ask for, before
	// guardrails; -1 is unknown.
	Reactive  int `json:"reactive"`
	Predicted int `json:"predicted"`
	// Reasons explain Desired, in the order in which they applied.
	Reasons []Reason `json:"reasons"`
	// Model names the forecaster behind Predicted, "" if none was used.
	Model string `json:"model,omitempty"`
	Price Price  `json:"price"`
	// ConfigHash identifies the configuration that decided.
	ConfigHash string `json:"config_hash"`
}

// Changes reports whether carrying the decision out would change something.
func (d *Decision) Changes() bool {
	return d.Desired.Levers() != 0 && !d.Current.Satisfies(d.Desired)
}

// RecommendationStatus says what became of a decision that would change something.
type RecommendationStatus string

// The statuses of a recommendation.
const (
	// StatusAdvised is a change that dry-run mode only shows.
	StatusAdvised RecommendationStatus = "advised"
	// StatusPending waits for an operator.
	StatusPending  RecommendationStatus = "pending"
	StatusApproved RecommendationStatus = "approved"
	StatusRejected RecommendationStatus = "rejected"
	// StatusApplied has been carried out and read back.
	StatusApplied RecommendationStatus = "applied"
	StatusFailed  RecommendationStatus = "failed"
	// StatusExpired was not carried out in time.
	StatusExpired RecommendationStatus = "expired"
	// StatusNone needs no change.
	StatusNone RecommendationStatus = "none"
)

// Recommendation is the latest decision about a target and what became of it. Its id is the id of the decision.
type Recommendation struct {
	Decision Decision
	Status   RecommendationStatus
	// By and Note are of the operator who approved or rejected; Note of a failure is its error.
	By   string
	Note string
}

// Approval is an operator's answer to a recommendation.
type Approval struct {
	Decision string    `json:"decision"`
	Target   TargetID  `json:"target"`
	At       time.Time `json:"at"`
	By       string    `json:"by"`
	Approved bool      `json:"approved"`
	Note     string    `json:"note,omitempty"`
}

// Notice is something that happened to a target and is neither a decision nor an action, such as a change of its capacity by somebody
// else. It is recorded durably.
type Notice struct {
	Target TargetID  `json:"target"`
	At     time.Time `json:"at"`
	// Code says what was noticed, Text tells it with its numbers. Text is untrusted.
	Code ReasonCode `json:"code"`
	Text string     `json:"text"`
	// Observed is the capacity that the platform showed; unset levers are unknown.
	Observed Capacity `json:"observed"`
	// Until is until when the target is left alone because of it, zero if it is not; Times is how often it has happened lately.
	Until time.Time `json:"until,omitzero"`
	Times int       `json:"times,omitempty"`
	// Before and Marks are the target's marks before and from then on.
	Before Marks `json:"before"`
	Marks  Marks `json:"marks"`
}

// Control is an operator's order to the whole process.
type Control struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Paused bool      `json:"paused"`
	Note   string    `json:"note,omitempty"`
}
