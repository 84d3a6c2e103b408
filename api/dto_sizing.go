package api

import (
	"time"

	"pilotlight/models"
)

// RightSizing is the wire form of models.SizeAdvice: what the memory of an instance should be, and why.
type RightSizing struct {
	At            time.Time `json:"at" doc:"When it was worked out."`
	Verdict       string    `json:"verdict" enum:"keep,lower,raise,learning" doc:"learning: too little has been measured to change it."`
	CurrentMB     int       `json:"current_mb" doc:"Memory of an instance now, in MB of 1024*1024 bytes."`
	RecommendedMB int       `json:"recommended_mb" doc:"Memory to have; the same unless the verdict is lower or raise."`
	PeakMB        float64   `json:"peak_mb" doc:"Highest use of the look-back."`
	HighMB        float64   `json:"high_mb" doc:"What 95 % of the samples were at most, within 10 %."`
	Samples       int       `json:"samples" doc:"Steps with a use in the look-back."`
	HistoryS      float64   `json:"history_s" doc:"Over how many seconds of the look-back they reach."`
	BilledS       Number    `json:"billed_s_month" doc:"Seconds that instances work in a month of 730 hours; null if unknown."`
	SavedUSD      Number    `json:"saved_usd_month" doc:"What the recommended memory saves in a month, below 0 for a raise; null if unknown."`
	Slowdown      Number    `json:"slowdown" doc:"Factor by which durations are expected to change, by what was measured at two sizes; null without."`
	Urgent        bool      `json:"urgent" doc:"Instances use nearly all their memory."`
	Risky         bool      `json:"risky" doc:"The lowering takes processor time away, and nothing measured says how much slower the target gets."`
	Reasons       []Reason  `json:"reasons" nullable:"false" doc:"Why, in the order in which they applied."`
}

func toRightSizing(a *models.SizeAdvice) RightSizing {
	out := RightSizing{
		At: a.At.UTC(), Verdict: string(a.Verdict), CurrentMB: a.CurrentMB, RecommendedMB: a.RecommendedMB, PeakMB: a.PeakMB,
		HighMB: a.HighMB, Samples: a.Samples, HistoryS: a.History.Seconds(), BilledS: Number(a.BilledSeconds),
		SavedUSD: Number(a.SavedUSD), Slowdown: Number(a.Slowdown), Urgent: a.Urgent, Risky: a.Risky,
		Reasons: make([]Reason, len(a.Reasons)),
	}
	for i := range a.Reasons {
		out.Reasons[i] = toReason(a.Reasons[i])
	}
	return out
}

// TargetRightSizing is what the memory of one target should be.
type TargetRightSizing struct {
	Target string `json:"target" doc:"ID of the target. Untrusted text."`
	Group  string `json:"group,omitempty" doc:"Application or owner."`
	RightSizing
}

// RightSizings is a page of what memory should be.
type RightSizings struct {
	Items []TargetRightSizing `json:"items" nullable:"false" doc:"Those that save the most first, those whose saving is unknown last."`
	// Count, SavedUSD and Urgent are of the whole list.
	Count    int     `json:"count" doc:"How many there are on all pages."`
	SavedUSD float64 `json:"saved_usd_month" doc:"What all lowerings of the list save in a month together, as far as their prices are known."`
	Urgent   int     `json:"urgent" doc:"How many of the list use nearly all their memory."`
	Next     string  `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
}

// secondsOrNone returns nil for 0, else the time so many seconds after 1970.
func secondsOrNone(seconds int64) *time.Time {
	if seconds == 0 {
		return nil
	}
	return timeOrNone(time.Unix(seconds, 0))
}
