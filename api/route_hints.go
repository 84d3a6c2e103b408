package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"pilotlight/hints"
	"pilotlight/models"
)

// maxOccurrences bounds the occurrences of a hint that an answer shows.
const maxOccurrences = 10

// Hints keeps the events that are known beforehand. It is safe for concurrent use.
type Hints interface {
	// Hints returns the hints in force, sorted by ID, in a slice of the caller's own.
	Hints() []models.Hint
	// AddHints puts hints into force, all or none, in place of those with the same IDs, and returns them as they are kept. It returns ErrInvalid for one
	// that cannot be used, and ErrConflict for the ID of a hint of the configuration.
	AddHints(ctx context.Context, all []models.Hint, by string) ([]models.Hint, error)
	// RemoveHint takes a hint out of force. It returns ErrNotFound, and ErrConflict for a hint of the configuration.
	RemoveHint(ctx context.Context, id, by string) error
}

// Occurrence is a stretch of time in which an event takes place.
type Occurrence struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// HintStatus is a hint and when it takes place.
type HintStatus struct {
	Hint
	Active bool         `json:"active" doc:"Whether it takes place now, or at the time asked for."`
	Next   []Occurrence `json:"next" nullable:"false" doc:"The present occurrence and the next ones; those that overlap or touch are one."`
}

// HintList is a page of hints.
type HintList struct {
	Items []HintStatus `json:"items" nullable:"false" doc:"Sorted by id."`
	Next  string       `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
}

// HintOrder asks for a hint.
type HintOrder struct {
	_          struct{}      `json:"-" additionalProperties:"false"`
	ID         string        `json:"id,omitempty" maxLength:"128" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]*$" doc:"A name for it. Sending the same again changes nothing, something else replaces it; without one it is made of what the hint says."`
	Selector   *HintSelector `json:"selector,omitempty"`
	Start      time.Time     `json:"start"`
	End        time.Time     `json:"end"`
	Recurrence string        `json:"recurrence,omitempty" maxLength:"2000" example:"FREQ=WEEKLY;BYDAY=FR"`
	TimeZone   string        `json:"time_zone,omitempty" maxLength:"256" example:"Europe/Berlin"`
	Except     []time.Time   `json:"except,omitempty" maxItems:"4096"`
	Multiplier float64       `json:"multiplier,omitempty" minimum:"0" maximum:"1000"`
	Floor      int           `json:"floor,omitempty" minimum:"0" maximum:"1048576"`
	Reason     string        `json:"reason,omitempty" maxLength:"1000"`
	Author     string        `json:"author,omitempty" maxLength:"256" doc:"Who says so; the name of the token if left out."`
}

type hintsInput struct {
	Page
	Target string    `query:"target" maxLength:"256" doc:"Only hints about this target."`
	At     time.Time `query:"at" example:"2026-11-27T20:00:00Z" doc:"Only hints that take place at this time."`
	Source string    `query:"source" enum:"config,api,calendar,advisor" doc:"Only hints from there."`
}

type hintsOutput struct {
	Link string `header:"Link" doc:"The next page, with rel=next."`
	Body HintList
}

type hintPath struct {
	ID string `path:"id" maxLength:"256" doc:"ID of the hint."`
}

type hintInput struct{ Body HintOrder }

type hintOutput struct{ Body HintStatus }

func (s *server) registerHints() {
	tags := []string{"Hints"}
	register(s, huma.Operation{
		OperationID: "list-hints", Method: http.MethodGet, Path: prefix + "/hints", Tags: tags, Summary: "List hints",
		Description: "The known events in force, each with its next occurrences.", Errors: []int{http.StatusNotFound},
	}, s.listHints)
	register(s, huma.Operation{
		OperationID: "get-hint", Method: http.MethodGet, Path: prefix + "/hints/{id}", Tags: tags, Summary: "Show a hint", Errors: []int{http.StatusNotFound},
	}, s.getHint)
	register(s, huma.Operation{
		OperationID: "add-hint", Method: http.MethodPost, Path: prefix + "/hints", Tags: tags, Summary: "Say what is known to come",
		Description: "Puts a hint into force. It is recorded before the answer. Needs the role operator.", Errors: []int{http.StatusConflict},
	}, s.addHint)
	register(s, huma.Operation{
		OperationID: "remove-hint", Method: http.MethodDelete, Path: prefix + "/hints/{id}", Tags: tags, Summary: "Take a hint back",
		Description: "One of the configuration is removed there. Needs the role operator.", Errors: []int{http.StatusNotFound, http.StatusConflict},
		DefaultStatus: http.StatusNoContent,
	}, func(ctx context.Context, in *hintPath) (*struct{}, error) {
		return nil, s.deps.Hints.RemoveHint(ctx, in.ID, principalOf(ctx).name)
	})
	s.registerImport()
}

// statusOfHint reads when a hint takes place, from a time on.
func statusOfHint(h *models.Hint, at time.Time) (HintStatus, error) {
	plan, err := hints.Compile(*h)
	if err != nil {
		return HintStatus{}, err
	}
	out := HintStatus{Hint: toHint(h), Next: []Occurrence{}}
	_, _, out.Active = plan.Active(at, at.Add(1))
	for _, o := range plan.Between(at, farFuture(), maxOccurrences) {
		out.Next = append(out.Next, Occurrence(o))
	}
	return out, nil
}

// farFuture is after all times that a hint can have.
func farFuture() time.Time { return time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC) }

func (s *server) listHints(_ context.Context, in *hintsInput) (*hintsOutput, error) {
	last, err := decodeCursor(cursorHint, in.Cursor)
	if err != nil {
		return nil, err
	}
	wanted, err := s.wantedHints(in)
	if err != nil {
		return nil, err
	}
	out := &hintsOutput{Body: HintList{Items: []HintStatus{}}}
	for i := range wanted {
		h := &wanted[i]
		if h.ID <= last {
			continue
		}
		status, err := statusOfHint(h, timeOr(in.At, s.deps.Now()))
		if err != nil {
			return nil, err
		}
		if !in.At.IsZero() && !status.Active {
			continue
		}
		if len(out.Body.Items) == in.Limit {
			out.Body.Next = encodeCursor(cursorHint, out.Body.Items[in.Limit-1].ID)
			break
		}
		out.Body.Items = append(out.Body.Items, status)
	}
	out.Link = in.link(out.Body.Next)
	return out, nil
}

// wantedHints returns the hints from the source and about the target that a request names.
func (s *server) wantedHints(in *hintsInput) ([]models.Hint, error) {
	all := s.deps.Hints.Hints()
	if in.Source != "" {
		all = slices.DeleteFunc(all, func(h models.Hint) bool { return string(h.Source) != in.Source })
	}
	if in.Target != "" {
		status, err := s.deps.Fleet.Target(models.TargetID(in.Target))
		if err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(all, func(h models.Hint) bool { return !h.Selector.Matches(&status.Target) })
	}
	return all, nil
}

func timeOr(t, other time.Time) time.Time {
	if t.IsZero() {
		return other
	}
	return t
}

func (s *server) getHint(_ context.Context, in *hintPath) (*hintOutput, error) {
	all := s.deps.Hints.Hints()
	for i := range all {
		if all[i].ID == in.ID {
			status, err := statusOfHint(&all[i], s.deps.Now())
			return &hintOutput{Body: status}, err
		}
	}
	return nil, problem(problemNotFound, "there is no such hint in force: it may be over, or removed; GET "+prefix+"/decisions?type="+
		string(models.EventHint)+" has its records")
}

func (s *server) addHint(ctx context.Context, in *hintInput) (*hintOutput, error) {
	b := &in.Body
	h := models.Hint{
		ID: b.ID, Start: b.Start, End: b.End, Recurrence: b.Recurrence, TimeZone: b.TimeZone, Except: b.Except, Multiplier: b.Multiplier,
		Floor: b.Floor, Reason: strings.TrimSpace(b.Reason), Author: strings.TrimSpace(b.Author), Source: models.HintAPI,
	}
	if b.Selector != nil {
		h.Selector = models.HintSelector{Targets: b.Selector.Targets, Groups: b.Selector.Groups, Labels: b.Selector.Labels}
	}
	added, err := s.deps.Hints.AddHints(ctx, []models.Hint{h}, principalOf(ctx).name)
	if err != nil {
		return nil, err
	}
	status, err := statusOfHint(&added[0], s.deps.Now())
	return &hintOutput{Body: status}, err
}
