package api

import (
	"time"

	"pilotlight/models"
)

// HintScore is the wire form of models.HintScore.
type HintScore struct {
	Source            string  `json:"source" example:"advisor" doc:"Name of the advisor, or api, calendar or config for hints that people gave."`
	Kind              string  `json:"kind" enum:"multiplier,floor,pattern"`
	State             string  `json:"state" enum:"shadow,active,muted" doc:"What advice of the source may do. It does not concern hints that people gave."`
	Weight            float64 `json:"weight" doc:"How much advice of the source counts now, 0 to 1."`
	Earned            float64 `json:"earned" doc:"How much it would count if it were active."`
	Events            int     `json:"events" doc:"Events that were scored."`
	Steps             int     `json:"steps" doc:"Steps that were scored, once for each target."`
	CostWith          float64 `json:"cost_with_gb_s" doc:"Idle memory and cold starts at their price, as they would have been with the hints in full."`
	CostWithout       float64 `json:"cost_without_gb_s" doc:"The same without them."`
	ColdStartsWith    float64 `json:"cold_starts_with"`
	ColdStartsWithout float64 `json:"cold_starts_without"`
	IdleWith          float64 `json:"idle_with_gb_s"`
	IdleWithout       float64 `json:"idle_without_gb_s"`
	LossWith          float64 `json:"pinball_loss_with" doc:"Sum of the pinball losses of the rate, in invocations a second."`
	LossWithout       float64 `json:"pinball_loss_without"`
	BenefitUSD        float64 `json:"benefit_usd" doc:"What the hints would have saved in full; below 0 they cost more."`
	EarnedUSD         float64 `json:"earned_usd" doc:"The same times the weight that they had."`
}

// PatternTrial is the wire form of models.PatternTrial.
type PatternTrial struct {
	Target      string    `json:"target" doc:"Untrusted text."`
	At          time.Time `json:"at"`
	Label       string    `json:"label,omitempty" doc:"What the advisor calls the load."`
	Member      string    `json:"member,omitempty" doc:"The forecaster that it proposed."`
	Period      int       `json:"period,omitempty" doc:"The period that it proposed, in steps."`
	Loss        float64   `json:"loss" doc:"Pinball loss in the back-test with the proposal."`
	LossWithout float64   `json:"loss_without"`
	Accepted    bool      `json:"accepted"`
	Why         string    `json:"why"`
}

// AdvisorUsage is what a UTC day has cost.
type AdvisorUsage struct {
	Day       string  `json:"day" example:"2026-11-26"`
	Requests  int     `json:"requests"`
	TokensIn  int     `json:"tokens_in"`
	TokensOut int     `json:"tokens_out"`
	USD       float64 `json:"usd"`
}

// AdvisorReport is the wire form of models.AdvisorReport.
type AdvisorReport struct {
	Enabled    bool           `json:"enabled" doc:"Whether there is an advisor; without one only hints of people are scored."`
	Name       string         `json:"name,omitempty"`
	Model      string         `json:"model,omitempty"`
	LastAsked  *time.Time     `json:"last_asked,omitempty"`
	LastError  string         `json:"last_error,omitempty" doc:"Why the last answer could not be used. Untrusted text."`
	Scores     []HintScore    `json:"scores" nullable:"false" doc:"What came of hints and advice, by source and kind."`
	Patterns   []PatternTrial `json:"patterns" nullable:"false" doc:"The newest proposals for forecasters first, with what the back-test said."`
	Today      AdvisorUsage   `json:"today"`
	CostUSD    float64        `json:"cost_usd" doc:"What all answers have cost since the record began."`
	EarnedUSD  float64        `json:"earned_usd" doc:"What the advice has saved with the weight that it had."`
	BenefitUSD float64        `json:"benefit_usd" doc:"What it would have saved in full."`
}

// AdvisorPrompt is the wire form of models.AdvisorPrompt.
type AdvisorPrompt struct {
	Purpose  string `json:"purpose"`
	Endpoint string `json:"endpoint" doc:"Where it would go."`
	Text     string `json:"text" doc:"All that would leave the process, but for the key."`
}

// HintProposal is the wire form of models.HintProposal.
type HintProposal struct {
	ID        string    `json:"id"`
	At        time.Time `json:"at"`
	By        string    `json:"by"`
	Text      string    `json:"text" doc:"What was said. Untrusted text."`
	Hints     []Hint    `json:"hints" nullable:"false" doc:"What it seems to mean. None is in force before it is confirmed."`
	Questions []string  `json:"questions" nullable:"false" doc:"What the text leaves open."`
	Clipped   []string  `json:"clipped,omitempty" doc:"What was brought inside the bounds."`
	Dropped   []string  `json:"dropped,omitempty" doc:"What was not taken, and why."`
	Expires   time.Time `json:"expires" doc:"Until when it can be confirmed."`
}

// Sentence is a sentence with the ids of the facts that it is made of.
type Sentence struct {
	Text  string   `json:"text"`
	Facts []string `json:"facts" nullable:"false"`
}

// Fact is something recorded, in words.
type Fact struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// Narrative is the wire form of models.Narrative.
type Narrative struct {
	Target    string     `json:"target" doc:"Untrusted text."`
	At        time.Time  `json:"at"`
	Decision  string     `json:"decision" doc:"ID of the decision that is explained."`
	Question  string     `json:"question"`
	Sentences []Sentence `json:"sentences" nullable:"false" doc:"The explanation: in the words of the advisor, else the facts as they are recorded."`
	Advisor   string     `json:"advisor,omitempty" doc:"Who put it into words; absent if nobody did."`
	Facts     []Fact     `json:"facts" nullable:"false" doc:"What it is made of. Every number of the sentences is in them."`
	Problem   string     `json:"problem,omitempty" doc:"Why the advisor did not put it into words."`
}

// Note is the wire form of models.Note.
type Note struct {
	At     time.Time `json:"at"`
	Kind   string    `json:"kind" example:"deployment"`
	Target string    `json:"target,omitempty"`
	Group  string    `json:"group,omitempty"`
	Text   string    `json:"text"`
	Author string    `json:"author,omitempty"`
}

func toAdvisorReport(r *models.AdvisorReport) AdvisorReport {
	out := AdvisorReport{
		Enabled: r.Enabled, Name: r.Name, Model: r.Model, LastAsked: timeOrNone(r.LastAsked), LastError: r.LastError,
		Scores: make([]HintScore, len(r.Scores)), Patterns: make([]PatternTrial, len(r.Patterns)), Today: AdvisorUsage(r.Today),
		CostUSD: r.CostUSD, EarnedUSD: r.EarnedUSD, BenefitUSD: r.BenefitUSD,
	}
	for i, s := range r.Scores {
		out.Scores[i] = HintScore{
			Source: s.Source, Kind: string(s.Kind), State: s.State, Weight: s.Weight, Earned: s.Earned, Events: s.Events, Steps: s.Steps,
			CostWith: s.CostWith, CostWithout: s.CostWithout, ColdStartsWith: s.ColdStartsWith, ColdStartsWithout: s.ColdStartsWithout,
			IdleWith: s.IdleGBsWith, IdleWithout: s.IdleGBsWithout, LossWith: s.LossWith, LossWithout: s.LossWithout,
			BenefitUSD: s.BenefitUSD, EarnedUSD: s.EarnedUSD,
		}
	}
	for i := range r.Patterns {
		out.Patterns[i] = toPatternTrial(&r.Patterns[i])
	}
	return out
}

func toPatternTrial(p *models.PatternTrial) PatternTrial {
	return PatternTrial{
		Target: string(p.Target), At: p.At.UTC(), Label: p.Label, Member: p.Member, Period: p.Period, Loss: p.Loss, LossWithout: p.LossWithout,
		Accepted: p.Accepted, Why: p.Why,
	}
}

func toHintProposal(p *models.HintProposal) HintProposal {
	out := HintProposal{
		ID: p.ID, At: p.At.UTC(), By: p.By, Text: p.Text, Hints: toHints(p.Hints), Questions: append([]string{}, p.Questions...),
		Clipped: p.Clipped, Dropped: p.Dropped, Expires: p.Expires.UTC(),
	}
	return out
}

// toHints returns the wire form of hints, never nil.
func toHints(all []models.Hint) []Hint {
	out := make([]Hint, len(all))
	for i := range all {
		out[i] = toHint(&all[i])
	}
	return out
}

func toNarrative(n *models.Narrative) Narrative {
	out := Narrative{
		Target: string(n.Target), At: n.At.UTC(), Decision: n.Decision, Question: n.Question, Sentences: []Sentence{}, Facts: []Fact{},
		Advisor: n.Advisor, Problem: n.Problem,
	}
	for _, s := range n.Sentences {
		out.Sentences = append(out.Sentences, Sentence{Text: s.Text, Facts: append([]string{}, s.Facts...)})
	}
	for _, f := range n.Facts {
		out.Facts = append(out.Facts, Fact(f))
	}
	return out
}

func toNote(n *models.Note) Note {
	return Note{At: n.At.UTC(), Kind: n.Kind, Target: string(n.Target), Group: n.Group, Text: n.Text, Author: n.Author}
}
