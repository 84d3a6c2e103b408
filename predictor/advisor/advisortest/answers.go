package advisortest

import (
	"encoding/json"
	"fmt"
	"time"
)

// Advice is an advice as a model gives it.
type Advice struct {
	// Kind is multiplier or floor; Subjects are ids such as T1.
	Kind       string
	Subjects   []string
	Start, End time.Time
	Value      float64
	Confidence float64
	Reason     string
}

// Advices is an answer with these advices and no patterns.
func Advices(all ...Advice) Reply {
	type wire struct {
		Kind       string   `json:"kind"`
		Subjects   []string `json:"subjects"`
		Start      string   `json:"start"`
		End        string   `json:"end"`
		Value      float64  `json:"value"`
		Confidence float64  `json:"confidence"`
		Reason     string   `json:"reason"`
	}
	advices := []wire{}
	for _, a := range all {
		advices = append(advices, wire{a.Kind, a.Subjects, a.Start.Format(time.RFC3339), a.End.Format(time.RFC3339), a.Value, a.Confidence, a.Reason})
	}
	return Reply{Content: string(encoded(map[string]any{"advices": advices, "patterns": []any{}}))}
}

// Brief is what a scripted model looks at in the data of a request for advice.
type Brief struct {
	Now      time.Time `json:"now"`
	Subjects []struct {
		ID    string `json:"id"`
		Group string `json:"group"`
		Name  string `json:"name"`
	} `json:"subjects"`
	Events []struct {
		Subjects []string  `json:"subjects"`
		Start    time.Time `json:"start"`
		End      time.Time `json:"end"`
		Reason   string    `json:"reason"`
	} `json:"known_events"`
	Notes []struct {
		At       time.Time `json:"at"`
		Kind     string    `json:"kind"`
		Subjects []string  `json:"subjects"`
		Text     string    `json:"text"`
	} `json:"notes"`
	Text string `json:"operator_text"`
}

// Brief reads the data of a request for advice.
func (r Request) Brief() (Brief, error) {
	var b Brief
	if err := json.Unmarshal([]byte(r.Data), &b); err != nil {
		return b, fmt.Errorf("data of the request: %w", err)
	}
	return b, nil
}
