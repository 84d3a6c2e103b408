package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"pilotlight/models"
)

// PauseState is the wire form of models.PauseState.
type PauseState struct {
	Paused bool       `json:"paused" doc:"Whether every write to a platform is held back."`
	Since  *time.Time `json:"since,omitempty" doc:"Since when the state is as it is; absent if it never changed."`
	By     string     `json:"by,omitempty" doc:"The operator who changed it."`
	Note   string     `json:"note,omitempty" doc:"What that operator noted. Untrusted text."`
}

type pauseInput struct{ Body *Answer }

type pauseOutput struct{ Body PauseState }

// paused makes the answer of a pause state or an error.
func paused(p models.PauseState, err error) (*pauseOutput, error) {
	if err != nil {
		return nil, err
	}
	return &pauseOutput{Body: PauseState{Paused: p.Paused, Since: timeOrNone(p.Since), By: p.By, Note: p.Note}}, nil
}

func (s *server) registerControl() {
	tags := []string{"Control"}
	register(s, huma.Operation{
		OperationID: "get-pause", Method: http.MethodGet, Path: prefix + "/pause", Tags: tags,
		Summary: "Show whether writes are paused",
	}, func(context.Context, *struct{}) (*pauseOutput, error) {
		return paused(s.deps.Control.PauseState(), nil)
	})
	register(s, huma.Operation{
		OperationID: "pause", Method: http.MethodPost, Path: prefix + "/pause", Tags: tags,
		Summary: "Pause all writes (kill switch)", Description: "Decisions go on and are recorded. Needs the role operator.",
		Errors: []int{http.StatusConflict},
	}, func(ctx context.Context, in *pauseInput) (*pauseOutput, error) {
		return paused(s.deps.Control.Pause(ctx, principalOf(ctx).name, noteOf(in.Body)))
	})
	register(s, huma.Operation{
		OperationID: "resume", Method: http.MethodPost, Path: prefix + "/resume", Tags: tags,
		Summary: "Let writes through again", Description: "Needs the role operator.", Errors: []int{http.StatusConflict},
	}, func(ctx context.Context, in *pauseInput) (*pauseOutput, error) {
		return paused(s.deps.Control.Resume(ctx, principalOf(ctx).name, noteOf(in.Body)))
	})
}
