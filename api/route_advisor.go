package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"pilotlight/models"
)

// Advisor is the optional advisor. It is safe for concurrent use.
type Advisor interface {
	// AdvisorReport returns what came of hints and advice, and what the advice has cost. It works without an advisor too.
	AdvisorReport() models.AdvisorReport
	// AdvicePrompt returns what would leave the process if advice was asked for now. It returns ErrNotFound if there is no advisor.
	AdvicePrompt(ctx context.Context) (models.AdvisorPrompt, error)
	// Advise asks for advice now, with what an operator knows about the load; the record says what came of it. It returns ErrNotFound if
	// there is no advisor.
	Advise(ctx context.Context, text, by string) (models.AdviceRecord, error)
}

// Proposals reads hints out of words. It is safe for concurrent use.
type Proposals interface {
	// ParseHints reads a text on the clocks of an IANA zone, "" for the configured one. It returns ErrNotFound if there is no advisor.
	ParseHints(ctx context.Context, text, zone, by string) (models.HintProposal, error)
	// Proposal returns a proposal, ErrNotFound, or ErrExpired.
	Proposal(id string) (models.HintProposal, error)
	// ConfirmHints puts the hints of a proposal into force. Its errors are those of Proposal, and ErrConflict if it has none.
	ConfirmHints(ctx context.Context, id, by string) ([]models.Hint, error)
}

// Narrator explains decisions. It is safe for concurrent use.
type Narrator interface {
	// Narrate explains the latest decision about a target. It returns ErrNotFound, or ErrNoData if there is none yet.
	Narrate(ctx context.Context, id models.TargetID, question string) (models.Narrative, error)
}

// Notes keeps what happened of late. It is safe for concurrent use.
type Notes interface {
	// Notes returns the notes, the newest first.
	Notes() []models.Note
	// AddNotes takes notes down, all or none.
	AddNotes(ctx context.Context, notes []models.Note, by string) error
}

type (
	advisorOutput struct{ Body AdvisorReport }
	promptOutput  struct{ Body AdvisorPrompt }
	adviseInput   struct{ Body *AdviseOrder }
	adviseOutput  struct{ Body AdviceRecord }
	parseInput    struct{ Body ParseOrder }
	proposalPath  struct {
		ID string `path:"id" maxLength:"64" doc:"ID of the proposal."`
	}
	proposalOutput struct{ Body HintProposal }
	confirmOutput  struct{ Body Confirmed }
	narrativeInput struct {
		TargetPath
		Question string `query:"question" maxLength:"500" example:"Why did the floor rise?" doc:"What is to be explained; by default why the capacity is as it is."`
	}
	narrativeOutput struct{ Body Narrative }
	notesOutput     struct{ Body NoteList }
	notesInput      struct{ Body NotesOrder }
	alertsInput     struct{ Body AlertmanagerMessage }
)

// AdviseOrder asks for advice.
type AdviseOrder struct {
	_    struct{} `json:"-" additionalProperties:"false"`
	Text string   `json:"text,omitempty" maxLength:"8000" doc:"What you know about the load to come."`
}

// ParseOrder asks to read hints out of a text.
type ParseOrder struct {
	_        struct{} `json:"-" additionalProperties:"false"`
	Text     string   `json:"text" minLength:"1" maxLength:"8000" example:"Black Friday starts Thursday 20:00, expect 4x on checkout"`
	TimeZone string   `json:"time_zone,omitempty" maxLength:"256" example:"Europe/Berlin" doc:"IANA name of the zone that is meant; that of the configuration if left out."`
}

// Confirmed are the hints of a proposal that are in force now.
type Confirmed struct {
	Items []Hint `json:"items" nullable:"false"`
}

// NoteOrder is a note to take down.
type NoteOrder struct {
	_      struct{}  `json:"-" additionalProperties:"false"`
	At     time.Time `json:"at,omitzero" doc:"When it happened; now if left out."`
	Kind   string    `json:"kind" minLength:"1" maxLength:"64" example:"deployment"`
	Target string    `json:"target,omitempty" maxLength:"256"`
	Group  string    `json:"group,omitempty" maxLength:"256"`
	Text   string    `json:"text" minLength:"1" maxLength:"1500"`
}

// NotesOrder are notes to take down, all or none.
type NotesOrder struct {
	_     struct{}    `json:"-" additionalProperties:"false"`
	Notes []NoteOrder `json:"notes" nullable:"false" minItems:"1" maxItems:"100"`
}

// NoteList are the notes that are kept.
type NoteList struct {
	Items []Note `json:"items" nullable:"false" doc:"The newest first."`
}

// AlertmanagerMessage is what Alertmanager sends to a webhook (version 4), as far as it is used.
type AlertmanagerMessage struct {
	_       struct{}            `json:"-" additionalProperties:"true"`
	Version string              `json:"version" enum:"4"`
	Alerts  []AlertmanagerAlert `json:"alerts" nullable:"false" maxItems:"1000"`
}

// AlertmanagerAlert is one alert of an AlertmanagerMessage.
type AlertmanagerAlert struct {
	_           struct{}          `json:"-" additionalProperties:"true"`
	Status      string            `json:"status" enum:"firing,resolved"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
	StartsAt    time.Time         `json:"startsAt,omitzero"`
	EndsAt      time.Time         `json:"endsAt,omitzero"`
}

func (s *server) registerAdvisor() {
	tags := []string{"Advisor"}
	missing := []int{http.StatusNotFound}
	register(s, huma.Operation{
		OperationID: "get-advisor", Method: http.MethodGet, Path: prefix + "/advisor", Tags: tags, Summary: "Show what advice was worth",
		Description: "What came of hints and advice, scored at every step of their events, and what the advice has cost. Without an advisor the hints of people are scored.",
	}, func(context.Context, *struct{}) (*advisorOutput, error) {
		r := s.deps.Advisor.AdvisorReport()
		return &advisorOutput{Body: toAdvisorReport(&r)}, nil
	})
	register(s, huma.Operation{
		OperationID: "get-advisor-prompt", Method: http.MethodGet, Path: prefix + "/advisor/prompt", Tags: tags, Summary: "Show what would leave the process",
		Description: "All that would be sent if advice was asked for now, byte for byte, but for the key. Nothing is sent.", Errors: missing,
	}, func(ctx context.Context, _ *struct{}) (*promptOutput, error) {
		p, err := s.deps.Advisor.AdvicePrompt(ctx)
		return &promptOutput{Body: AdvisorPrompt(p)}, err
	})
	register(s, huma.Operation{
		OperationID: "advise", Method: http.MethodPost, Path: prefix + "/advisor/advise", Tags: tags, Summary: "Ask for advice now",
		Description: "What comes back is in force as hints of the source advisor, with the weight that it has earned. Needs the role operator.", Errors: missing,
	}, s.advise)
	s.registerProposals()
	s.registerNotes()
}

func (s *server) advise(ctx context.Context, in *adviseInput) (*adviseOutput, error) {
	text := ""
	if in.Body != nil {
		text = in.Body.Text
	}
	record, err := s.deps.Advisor.Advise(ctx, text, principalOf(ctx).name)
	if err != nil && record.At.IsZero() {
		return nil, err
	}
	return &adviseOutput{Body: toAdviceRecord(&record)}, nil // its error field says what failed
}

func (s *server) registerProposals() {
	tags := []string{"Hints"}
	register(s, huma.Operation{
		OperationID: "parse-hints", Method: http.MethodPost, Path: prefix + "/hints/parse", Tags: tags, Summary: "Read hints out of a text",
		Description: "The advisor reads what you say. Nothing is in force until the proposal is confirmed. Needs the role operator.", Errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *parseInput) (*proposalOutput, error) {
		p, err := s.deps.Proposals.ParseHints(ctx, in.Body.Text, in.Body.TimeZone, principalOf(ctx).name)
		return &proposalOutput{Body: toHintProposal(&p)}, err
	})
	register(s, huma.Operation{
		OperationID: "get-hint-proposal", Method: http.MethodGet, Path: prefix + "/hints/proposals/{id}", Tags: tags, Summary: "Show a proposal",
		Errors: []int{http.StatusNotFound, http.StatusConflict},
	}, func(_ context.Context, in *proposalPath) (*proposalOutput, error) {
		p, err := s.deps.Proposals.Proposal(in.ID)
		return &proposalOutput{Body: toHintProposal(&p)}, err
	})
	register(s, huma.Operation{
		OperationID: "confirm-hints", Method: http.MethodPost, Path: prefix + "/hints/proposals/{id}/confirm", Tags: tags, Summary: "Confirm a proposal",
		Description: "Puts its hints into force; who confirms them is their author. Confirming again changes nothing. Needs the role operator.",
		Errors:      []int{http.StatusNotFound, http.StatusConflict},
	}, func(ctx context.Context, in *proposalPath) (*confirmOutput, error) {
		all, err := s.deps.Proposals.ConfirmHints(ctx, in.ID, principalOf(ctx).name)
		return &confirmOutput{Body: Confirmed{Items: toHints(all)}}, err
	})
	register(s, huma.Operation{
		OperationID: "explain-target", Method: http.MethodGet, Path: prefix + "/targets/{id}/explanation", Tags: []string{"Targets"}, Summary: "Explain a decision",
		Description: "Why the capacity is as it is, out of the recorded reasons; with an advisor in plain language, in which every number stands in the facts.",
		Errors:      []int{http.StatusNotFound},
	}, func(ctx context.Context, in *narrativeInput) (*narrativeOutput, error) {
		n, err := s.deps.Narrator.Narrate(ctx, models.TargetID(in.ID), in.Question)
		return &narrativeOutput{Body: toNarrative(&n)}, err
	})
}

func (s *server) registerNotes() {
	tags := []string{"Advisor"}
	register(s, huma.Operation{
		OperationID: "list-notes", Method: http.MethodGet, Path: prefix + "/notes", Tags: tags, Summary: "List what happened of late",
	}, func(context.Context, *struct{}) (*notesOutput, error) {
		out := &notesOutput{Body: NoteList{Items: []Note{}}}
		for _, n := range s.deps.Notes.Notes() {
			out.Body.Items = append(out.Body.Items, toNote(&n))
		}
		return out, nil
	})
	register(s, huma.Operation{
		OperationID: "add-notes", Method: http.MethodPost, Path: prefix + "/notes", Tags: tags, Summary: "Note what happened",
		Description:   "Deployments, incidents and what else may explain or announce load, for the advisor. All or none. Needs the role operator.",
		DefaultStatus: http.StatusNoContent,
	}, s.addNotes)
	register(s, huma.Operation{
		OperationID: "add-alerts", Method: http.MethodPost, Path: prefix + "/notes/alertmanager", Tags: tags, Summary: "Take alerts from Alertmanager",
		Description:   "The address of a webhook receiver of Alertmanager: alerts become notes. The label target, or function, is the target, group the group. Needs the role operator.",
		DefaultStatus: http.StatusNoContent,
	}, s.addAlerts)
}

func (s *server) addNotes(ctx context.Context, in *notesInput) (*struct{}, error) {
	notes := make([]models.Note, len(in.Body.Notes))
	for i, n := range in.Body.Notes {
		notes[i] = models.Note{At: n.At, Kind: n.Kind, Target: models.TargetID(n.Target), Group: n.Group, Text: n.Text}
	}
	return nil, s.deps.Notes.AddNotes(ctx, notes, principalOf(ctx).name)
}

// alertText bounds the text of an alert, whose annotations may be long.
const alertText = 1000

func (s *server) addAlerts(ctx context.Context, in *alertsInput) (*struct{}, error) {
	notes := make([]models.Note, 0, len(in.Body.Alerts))
	for _, a := range in.Body.Alerts {
		n := models.Note{
			At: a.StartsAt, Kind: "alert", Target: models.TargetID(a.Labels["target"]), Group: a.Labels["group"],
			Text: a.Status + ": " + strings.TrimSpace(a.Labels["alertname"]+" "+a.Annotations["summary"]+" "+a.Annotations["description"]),
		}
		if n.Target == "" {
			n.Target = models.TargetID(a.Labels["function"])
		}
		if a.Status == "resolved" {
			n.At = a.EndsAt
		}
		if len(n.Text) > alertText {
			n.Text = strings.ToValidUTF8(n.Text[:alertText], "")
		}
		notes = append(notes, n)
	}
	return nil, s.deps.Notes.AddNotes(ctx, notes, principalOf(ctx).name)
}
