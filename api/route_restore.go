package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"pilotlight/models"
)

// RestoreOrder asks to restore targets.
type RestoreOrder struct {
	_       struct{} `json:"-" additionalProperties:"false"`
	Targets []string `json:"targets,omitempty" maxItems:"10000" example:"[\"shop/checkout\"]" doc:"IDs of the targets to restore; all that Pilotlight has changed if left out."`
	DryRun  bool     `json:"dry_run,omitempty" doc:"Only say what would be changed."`
	Note    string   `json:"note,omitempty" maxLength:"1000" doc:"Why, for the audit trail."`
}

// RestoredTarget is what became of one target.
type RestoredTarget struct {
	Target   string   `json:"target" doc:"ID of the target. Untrusted text."`
	Actuator string   `json:"actuator,omitempty"`
	Ref      string   `json:"ref,omitempty" doc:"The target as its platform names it. Untrusted text."`
	Current  Capacity `json:"current" doc:"What the platform showed before."`
	Original Capacity `json:"original" doc:"What it had before Pilotlight first changed it."`
	Status   string   `json:"status" enum:"due,restored,unchanged,left,failed" doc:"due: a dry run would change it. left: somebody else has changed it since."`
	Why      string   `json:"why,omitempty" doc:"Why it could not be restored, or only in part. Untrusted text."`
}

// RestoreResult is what became of an order.
type RestoreResult struct {
	Paused bool             `json:"paused" doc:"Whether writes are paused now; they stay so until resume."`
	Items  []RestoredTarget `json:"items" nullable:"false" doc:"Sorted by target."`
}

type restoreInput struct{ Body *RestoreOrder }

type restoreOutput struct{ Body RestoreResult }

func (s *server) registerRestore() {
	register(s, huma.Operation{
		OperationID: "restore", Method: http.MethodPost, Path: prefix + "/restore", Tags: []string{"Control"},
		Summary: "Give targets back the capacity they had before Pilotlight",
		Description: "Pauses all other writes first, which stays so until resume, then restores each target through the gate and waits for it: " +
			"with many targets on a slow platform that takes minutes. It goes on when the client hangs up, and ends when an operator " +
			"pauses; repeated, it goes on with what is left. Needs the role operator.",
		Errors: []int{http.StatusConflict},
	}, s.restore)
}

func (s *server) restore(ctx context.Context, in *restoreInput) (*restoreOutput, error) {
	order := models.RestoreOrder{By: principalOf(ctx).name}
	if in.Body != nil {
		order.DryRun, order.Note = in.Body.DryRun, noteOf(&Answer{Note: in.Body.Note})
		for _, text := range in.Body.Targets {
			id := models.TargetID(text)
			if err := id.Validate(); err != nil {
				return nil, invalid("body.targets", err.Error())
			}
			order.Targets = append(order.Targets, id)
		}
	}
	done, err := s.deps.Restorer.PutBack(ctx, order, nil)
	if err != nil {
		return nil, err
	}
	out := &restoreOutput{Body: RestoreResult{Paused: s.deps.Control.PauseState().Paused, Items: make([]RestoredTarget, len(done))}}
	for i := range done {
		d := &done[i]
		out.Body.Items[i] = RestoredTarget{
			Target: string(d.Target), Actuator: d.Actuator, Ref: d.Ref, Current: toCapacity(d.Current), Original: toCapacity(d.Original),
			Status: string(d.Status), Why: d.Why,
		}
	}
	return out, nil
}
