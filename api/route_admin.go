package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// Configuration is the configuration in force.
type Configuration struct {
	YAML string `json:"yaml" doc:"The configuration with its defaults and without its secrets."`
	Hash string `json:"hash" doc:"Identifies it; every decision carries the one that decided."`
}

// Reloaded says which configuration is in force after a reload.
type Reloaded struct {
	Hash    string `json:"hash" doc:"Identifies the configuration now in force."`
	Changed bool   `json:"changed" doc:"Whether it differs from the one before."`
}

// Version says what runs.
type Version struct {
	Version    string `json:"version" doc:"Version of the program."`
	Mode       string `json:"mode" enum:"dry-run,approve,auto" doc:"How far Pilotlight may go."`
	ConfigHash string `json:"config_hash" doc:"Identifies the configuration in force."`
}

// Health says that the process answers.
type Health struct {
	Status string `json:"status" enum:"ok"`
}

// Readiness says whether the process can do its work.
type Readiness struct {
	Ready   bool     `json:"ready"`
	Reasons []string `json:"reasons" nullable:"false" doc:"Why it is not ready."`
}

type configOutput struct{ Body Configuration }

type reloadOutput struct{ Body Reloaded }

type versionOutput struct{ Body Version }

type healthOutput struct{ Body Health }

type readyOutput struct {
	Status int
	Body   Readiness
}

func (s *server) registerAdmin() {
	tags := []string{"Administration"}
	register(s, huma.Operation{
		OperationID: "get-config", Method: http.MethodGet, Path: prefix + "/config", Tags: tags,
		Summary: "Show the configuration in force, without secrets",
	}, func(context.Context, *struct{}) (*configOutput, error) {
		text, hash := s.deps.Admin.ConfigYAML()
		return &configOutput{Body: Configuration{YAML: text, Hash: hash}}, nil
	})
	register(s, huma.Operation{
		OperationID: "reload-config", Method: http.MethodPost, Path: prefix + "/config/reload", Tags: tags,
		Summary:     "Load the configuration again",
		Description: "If it is not valid, the problem lists what is wrong and the old one stays in force. Needs the role operator.",
	}, s.reload)
	register(s, huma.Operation{
		OperationID: "get-version", Method: http.MethodGet, Path: prefix + "/version", Tags: tags, Summary: "Show what runs",
	}, func(context.Context, *struct{}) (*versionOutput, error) {
		_, hash := s.deps.Admin.ConfigYAML()
		return &versionOutput{Body: Version{Version: s.deps.Version, Mode: string(s.deps.Admin.Mode()), ConfigHash: hash}}, nil
	})
}

func (s *server) reload(ctx context.Context, _ *struct{}) (*reloadOutput, error) {
	_, before := s.deps.Admin.ConfigYAML()
	hash, err := s.deps.Admin.Reload(ctx)
	if err != nil {
		s.log.WarnContext(ctx, "configuration not reloaded", "error", err, "by", principalOf(ctx).name)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		// An operator may see why; the configuration redacts secrets in its errors.
		return nil, problem(problemBadConfig, "the old configuration stays in force: "+err.Error())
	}
	return &reloadOutput{Body: Reloaded{Hash: hash, Changed: hash != before}}, nil
}

func (s *server) registerHealth() {
	tags := []string{"Health"}
	register(s, huma.Operation{
		OperationID: "get-health", Method: http.MethodGet, Path: pathHealthz, Tags: tags, Summary: "Liveness",
		Description: "Answers as long as the process does. Needs no token.",
	}, func(context.Context, *struct{}) (*healthOutput, error) {
		return &healthOutput{Body: Health{Status: "ok"}}, nil
	})
	register(s, huma.Operation{
		OperationID: "get-readiness", Method: http.MethodGet, Path: pathReadyz, Tags: tags, Summary: "Readiness",
		Description: "503, with the reasons, while the process cannot do its work. Needs no token.",
		Responses: map[string]*huma.Response{"503": {
			Description: "Not ready.",
			Content: map[string]*huma.MediaType{
				"application/json": {Schema: &huma.Schema{Ref: "#/components/schemas/Readiness"}},
			},
		}},
	}, func(context.Context, *struct{}) (*readyOutput, error) {
		reasons := append([]string{}, s.deps.Admin.Ready()...)
		out := &readyOutput{Status: http.StatusOK, Body: Readiness{Ready: len(reasons) == 0, Reasons: reasons}}
		if !out.Body.Ready {
			out.Status = http.StatusServiceUnavailable
		}
		return out, nil
	})
}
