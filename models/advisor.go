package models

import "time"

// Note is something that happened and that may explain or announce load: a deployment, an incident, an alert. Untrusted text.
type Note struct {
	At time.Time `json:"at"`
	// Kind is what it was, such as deployment, incident or alert.
	Kind string `json:"kind"`
	// Target and Group say what it was about; both may be empty.
	Target TargetID `json:"target,omitempty"`
	Group  string   `json:"group,omitempty"`
	Text   string   `json:"text"`
	Author string   `json:"author,omitempty"`
}

// HintProposal is what a text of an operator seems to announce. Nothing of it is in force until somebody confirms it.
type HintProposal struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
	By string    `json:"by"`
	// Text is what was said.
	Text string `json:"text"`
	// Hints are what it seems to mean, Questions what it leaves open.
	Hints     []Hint   `json:"hints"`
	Questions []string `json:"questions,omitempty"`
	// Clipped and Dropped say what was brought inside the bounds and what was not taken, and why.
	Clipped []string `json:"clipped,omitempty"`
	Dropped []string `json:"dropped,omitempty"`
	// Expires is until when it can be confirmed.
	Expires time.Time `json:"expires"`
}

// Narrative explains a decision out of its recorded reasons.
type Narrative struct {
	Target TargetID  `json:"target"`
	At     time.Time `json:"at"`
	// Decision is the one that is explained.
	Decision string `json:"decision"`
	Question string `json:"question"`
	// Sentences are the explanation. Advisor names who put it into words; "" are the reasons as they are recorded.
	Sentences []Sentence `json:"sentences"`
	Advisor   string     `json:"advisor,omitempty"`
	// Facts are what it is made of. Every number of the sentences is in them.
	Facts []Fact `json:"facts"`
	// Problem says why the advisor did not put it into words, "" if it did or was not asked.
	Problem string `json:"problem,omitempty"`
}

// Sentence is a sentence of a Narrative, with the ids of the facts that it is made of.
type Sentence struct {
	Text  string   `json:"text"`
	Facts []string `json:"facts"`
}

// Fact is something recorded, in words.
type Fact struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// PatternTrial is what came of a proposal to forecast a target in another way.
type PatternTrial struct {
	Target TargetID  `json:"target"`
	At     time.Time `json:"at"`
	// Label is what the advisor calls the load; Member and Period, in steps, are what it proposed.
	Label  string `json:"label,omitempty"`
	Member string `json:"member,omitempty"`
	Period int    `json:"period,omitempty"`
	// Loss and LossWithout are pinball losses in the back-test, with the proposal and without it; Accepted says that the target is
	// forecast so from now on, and Why why it is or is not.
	Loss        float64 `json:"loss"`
	LossWithout float64 `json:"loss_without"`
	Accepted    bool    `json:"accepted"`
	Why         string  `json:"why"`
}

// AdvisorReport is the record of the advisor.
type AdvisorReport struct {
	// Enabled says that there is one; without it only the scores of people's hints are there.
	Enabled bool   `json:"enabled"`
	Name    string `json:"name,omitempty"`
	Model   string `json:"model,omitempty"`
	// LastAsked is when it was last asked for advice, LastError why the last answer could not be used.
	LastAsked time.Time `json:"last_asked,omitzero"`
	LastError string    `json:"last_error,omitempty"`
	// Scores are what came of hints and advice, by source and kind.
	Scores []HintScore `json:"scores"`
	// Patterns are the newest proposals for forecasters, with what the back-test said.
	Patterns []PatternTrial `json:"patterns"`
	// Today is what the present UTC day has cost, CostUSD all days since the record began. EarnedUSD is what the advice saved with the
	// weight that it had, BenefitUSD what it would have saved in full.
	Today      AdvisorUsage `json:"today"`
	CostUSD    float64      `json:"cost_usd"`
	EarnedUSD  float64      `json:"earned_usd"`
	BenefitUSD float64      `json:"benefit_usd"`
}

// AdvisorUsage is what a UTC day has cost.
type AdvisorUsage struct {
	Day       string  `json:"day"`
	Requests  int     `json:"requests"`
	TokensIn  int     `json:"tokens_in"`
	TokensOut int     `json:"tokens_out"`
	USD       float64 `json:"usd"`
}

// AdvisorPrompt is what would leave the process.
type AdvisorPrompt struct {
	// Purpose is what would be asked for.
	Purpose string `json:"purpose"`
	// Endpoint is where it would go, without a key.
	Endpoint string `json:"endpoint"`
	Text     string `json:"text"`
}

// Plain makes the sentences of the narrative out of its facts as they are recorded.
func (n *Narrative) Plain() {
	n.Sentences = nil
	for _, f := range n.Facts {
		n.Sentences = append(n.Sentences, Sentence{Text: f.Text, Facts: []string{f.ID}})
	}
}
