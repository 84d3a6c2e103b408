package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// Backtests runs backtests, one at a time.
type Backtests interface {
	// StartBacktest puts a backtest into the queue. It returns ErrInvalid for a request that cannot work, and ErrConflict if
	// too many are waiting.
	StartBacktest(ctx context.Context, request BacktestRequest, by string) (Backtest, error)
	// Backtest returns the backtest of that id with its result, or ErrNotFound.
	Backtest(id string) (Backtest, error)
	// Backtests returns those that are remembered, the newest first, without results.
	Backtests() []Backtest
}

// BacktestList lists backtests.
type BacktestList struct {
	Items []Backtest `json:"items" nullable:"false" doc:"The newest first, without results. Only the last few are remembered."`
}

type startBacktestInput struct{ Body *BacktestRequest }

// BacktestPath is the path of a request about a backtest.
type BacktestPath struct {
	ID string `path:"id" minLength:"1" maxLength:"128" doc:"Id of the backtest."`
}

type backtestOutput struct{ Body Backtest }

type startedBacktestOutput struct {
	Location string `header:"Location" doc:"Where to ask how it goes."`
	Body     Backtest
}

type backtestsOutput struct{ Body BacktestList }

func (s *server) registerBacktests() {
	tags := []string{"Backtests"}
	register(s, huma.Operation{
		OperationID: "start-backtest", Method: http.MethodPost, Path: prefix + "/backtests", Tags: tags,
		Summary: "Start a backtest", DefaultStatus: http.StatusAccepted, Errors: []int{http.StatusConflict},
		Description: "Replays history through the engine, on a simulated platform: what would have happened under Pilotlight, under what " +
			"runs today and under other policies. Nothing is written to any platform. One runs at a time, a few may wait. Needs the role operator.",
	}, s.startBacktest)
	register(s, huma.Operation{
		OperationID: "list-backtests", Method: http.MethodGet, Path: prefix + "/backtests", Tags: tags,
		Summary: "List the backtests that are remembered",
	}, func(context.Context, *struct{}) (*backtestsOutput, error) {
		return &backtestsOutput{Body: BacktestList{Items: append([]Backtest{}, s.deps.Backtests.Backtests()...)}}, nil
	})
	register(s, huma.Operation{
		OperationID: "get-backtest", Method: http.MethodGet, Path: prefix + "/backtests/{id}", Tags: tags,
		Summary: "Show how a backtest goes, or what it came to", Errors: []int{http.StatusNotFound},
	}, func(_ context.Context, in *BacktestPath) (*backtestOutput, error) {
		b, err := s.deps.Backtests.Backtest(in.ID)
		if err != nil {
			return nil, err
		}
		return &backtestOutput{Body: b}, nil
	})
}

func (s *server) startBacktest(ctx context.Context, in *startBacktestInput) (*startedBacktestOutput, error) {
	request := BacktestRequest{}
	if in.Body != nil {
		request = *in.Body
	}
	b, err := s.deps.Backtests.StartBacktest(ctx, request, principalOf(ctx).name)
	if err != nil {
		return nil, err
	}
	return &startedBacktestOutput{Location: prefix + "/backtests/" + b.ID, Body: b}, nil
}
