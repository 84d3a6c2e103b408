package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"pilotlight/models"
)

// version is the version of the body. It changes when a field is removed or changes its meaning; new fields do not change it.
const version = 1

// bodyType says what the body asks for.
const bodyType = "pilotlight.capacity.apply"

// body is what is posted. The absolute capacity makes it idempotent: an unset lever is absent and to be left alone.
type body struct {
	Version  int             `json:"version"`
	Type     string          `json:"type"`
	Action   string          `json:"action"`
	Decision string          `json:"decision"`
	Target   bodyTarget      `json:"target"`
	From     models.Capacity `json:"from"`
	To       models.Capacity `json:"to"`
	// Issued is when the decision was recorded; from Expires on it must not be carried out any more.
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"`
}

// bodyTarget names the target.
type bodyTarget struct {
	ID    models.TargetID `json:"id"`
	Ref   string          `json:"ref"`
	Group string          `json:"group"`
}

// newBody renders the body of an action.
func newBody(target models.Target, action models.Action) ([]byte, error) {
	return json.Marshal(body{
		Version: version, Type: bodyType, Action: action.ID, Decision: action.Decision,
		Target: bodyTarget{ID: target.ID, Ref: target.Ref, Group: target.Group},
		From:   action.From, To: action.To, Issued: action.Issued.UTC(), Expires: action.Expires.UTC(),
	})
}

// shown is what the receiver shows of a target.
type shown struct {
	Capacity *models.Capacity `json:"capacity"`
	// Ready is the number of warm instances that are ready; absent is unknown.
	Ready   *int   `json:"ready"`
	Pending bool   `json:"pending"`
	Note    string `json:"note"`
}

// parseShown reads the answer to an observation. Fields that are not known are ignored, so that receivers may show more; levers
// that the receiver does not have by configuration are dropped.
func parseShown(data []byte, levers models.Lever) (models.Observation, error) {
	var s shown
	decoder := json.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&s); err != nil {
		return models.Observation{}, fmt.Errorf("the answer is not the JSON that the documentation asks for: %w", err)
	}
	if decoder.More() {
		return models.Observation{}, errors.New("the answer goes on after its JSON object")
	}
	if s.Capacity == nil {
		return models.Observation{}, errors.New(`the answer has no "capacity"`)
	}
	o := models.Observation{Capacity: s.Capacity.Only(levers), Ready: -1, Pending: s.Pending, Note: clean(s.Note)}
	if s.Ready != nil {
		if *s.Ready < 0 {
			return models.Observation{}, fmt.Errorf(`the answer has "ready": %d, which is negative; leave it out if it is unknown`, *s.Ready)
		}
		o.Ready = *s.Ready
	}
	return o, nil
}
