package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/danielgtaylor/huma/v2"

	"pilotlight/models"
)

// RecommendationList is a page of recommendations.
type RecommendationList struct {
	Items []Recommendation `json:"items" nullable:"false" doc:"The latest of each target, sorted by target."`
	Next  string           `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
}

type recommendationsInput struct {
	Page
	Status []string `query:"status" nullable:"false" enum:"advised,pending,approved,rejected,applied,failed,expired,none" example:"[\"advised\",\"pending\"]" doc:"Only these statuses, separated by commas."`
	Target string   `query:"target" maxLength:"256" doc:"Only of this target."`
}

type recommendationsOutput struct {
	Link string `header:"Link" doc:"The next page, with rel=next."`
	Body RecommendationList
}

// RecommendationPath is the path of a request about a recommendation.
type RecommendationPath struct {
	ID string `path:"id" minLength:"1" maxLength:"128" doc:"Id of the recommendation."`
}

type recommendationOutput struct{ Body Recommendation }

// Answer is the body of an approval, a rejection, a pause or a resume.
type Answer struct {
	_    struct{} `json:"-" additionalProperties:"false"`
	Note string   `json:"note,omitempty" maxLength:"1000" example:"checked with the shop team" doc:"Why, for the audit trail."`
}

// noteOf returns the note of an optional body without control characters, which have no place in an audit trail.
func noteOf(a *Answer) string {
	if a == nil {
		return ""
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, a.Note))
}

type answerInput struct {
	RecommendationPath
	Body *Answer
}

func (s *server) registerRecommendations() {
	tags := []string{"Recommendations"}
	settled := []int{http.StatusNotFound, http.StatusConflict}
	register(s, huma.Operation{
		OperationID: "list-recommendations", Method: http.MethodGet, Path: prefix + "/recommendations", Tags: tags,
		Summary: "List recommendations", Description: "The latest recommendation of each target, with its reasons and its price.",
	}, s.listRecommendations)
	register(s, huma.Operation{
		OperationID: "get-recommendation", Method: http.MethodGet, Path: prefix + "/recommendations/{id}", Tags: tags,
		Summary: "Show a recommendation", Errors: []int{http.StatusNotFound},
	}, s.getRecommendation)
	register(s, huma.Operation{
		OperationID: "approve-recommendation", Method: http.MethodPost, Path: prefix + "/recommendations/{id}/approve", Tags: tags,
		Summary: "Approve a pending recommendation", Description: "It is carried out with the next tick. Needs the role operator.",
		Errors: settled,
	}, func(ctx context.Context, in *answerInput) (*recommendationOutput, error) {
		return recommended(s.deps.Recommendations.Approve(ctx, in.ID, principalOf(ctx).name, noteOf(in.Body)))
	})
	register(s, huma.Operation{
		OperationID: "reject-recommendation", Method: http.MethodPost, Path: prefix + "/recommendations/{id}/reject", Tags: tags,
		Summary: "Reject a pending recommendation", Description: "It is not carried out. Needs the role operator.",
		Errors: settled,
	}, func(ctx context.Context, in *answerInput) (*recommendationOutput, error) {
		return recommended(s.deps.Recommendations.Reject(ctx, in.ID, principalOf(ctx).name, noteOf(in.Body)))
	})
}

// recommended makes the answer of a recommendation or an error.
func recommended(r models.Recommendation, err error) (*recommendationOutput, error) {
	if err != nil {
		return nil, err
	}
	return &recommendationOutput{Body: toRecommendation(&r)}, nil
}

func (s *server) listRecommendations(_ context.Context, in *recommendationsInput) (*recommendationsOutput, error) {
	page, next, err := pageOfTargets(s.deps.Fleet.Targets(), &in.Page, func(t *models.TargetStatus) bool {
		return t.Latest != nil && (in.Target == "" || string(t.Target.ID) == in.Target) &&
			(len(in.Status) == 0 || slices.Contains(in.Status, string(t.Latest.Status)))
	})
	if err != nil {
		return nil, err
	}
	out := &recommendationsOutput{
		Link: in.link(next), Body: RecommendationList{Items: make([]Recommendation, len(page)), Next: next},
	}
	for i := range page {
		out.Body.Items[i] = toRecommendation(page[i].Latest)
	}
	return out, nil
}

func (s *server) getRecommendation(_ context.Context, in *RecommendationPath) (*recommendationOutput, error) {
	return recommended(s.deps.Recommendations.Recommendation(in.ID))
}
