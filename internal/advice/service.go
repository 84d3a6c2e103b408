package advice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"pilotlight/models"
	"pilotlight/predictor/advisor"
)

// Fleet answers what is known about the targets.
type Fleet interface {
	Targets() []models.TargetStatus
	Target(id models.TargetID) (models.TargetStatus, error)
	Series(ctx context.Context, id models.TargetID, sig models.Signal, from, to time.Time) (models.Series, error)
	Forecast(id models.TargetID) (models.Forecast, error)
}

// Hints keeps hints, and what came of them.
type Hints interface {
	Hints() []models.Hint
	AddHints(ctx context.Context, all []models.Hint, by string) ([]models.Hint, error)
	HintScores() []models.HintScore
}

// Forecasters tell how good forecasts are, and try other ones.
type Forecasters interface {
	Explain(id models.TargetID) (models.Explanation, error)
	// TryPattern back-tests a proposal and takes it if it is better.
	TryPattern(ctx context.Context, id models.TargetID, label, member string, period int) (models.PatternTrial, error)
}

// Journal records events.
type Journal interface {
	Append(ctx context.Context, events ...models.Event) error
}

// State keeps what must survive a restart; LoadState returns models.ErrNotFound for an unknown key.
type State interface {
	SaveState(ctx context.Context, key string, state []byte) error
	LoadState(ctx context.Context, key string) ([]byte, error)
}

// Deps are what the service works with.
type Deps struct {
	Fleet       Fleet
	Hints       Hints
	Forecasters Forecasters
	Journal     Journal
	State       State
	Now         func() time.Time
	Logger      *slog.Logger
	// Step is the length of a step, Members are the forecasters that a pattern may propose.
	Step    time.Duration
	Members []string
}

// The bounds of what is kept in memory.
const (
	maxNotes     = 500
	maxProposals = 100
	maxPatterns  = 500
	// proposalTTL is how long a proposal can be confirmed.
	proposalTTL = time.Hour
	// maxStanding bounds the hints of the advisor that are in force at a time.
	maxStanding = 200
)

// stateKey is where the service keeps its state.
const stateKey = "advice"

// Service is the advisor of a process. It is safe for concurrent use.
type Service struct {
	deps Deps
	log  *slog.Logger

	// asking serialises requests for advice.
	asking sync.Mutex

	mu        sync.Mutex
	config    advisor.Config
	client    *advisor.Client // nil if there is none
	kept      kept
	profiles  profiles
	proposals []models.HintProposal // the oldest first
	lastAsked time.Time
	lastError string
}

// kept is what survives a restart.
type kept struct {
	Usage    advisor.Usage         `json:"usage"`
	CostUSD  float64               `json:"cost_usd"`
	Notes    []models.Note         `json:"notes"` // the oldest first
	Patterns []models.PatternTrial `json:"patterns"`
	Profiles profiles              `json:"profiles"`
}

// New returns a service without an advisor; see Configure. It does no I/O.
func New(deps Deps) *Service {
	return &Service{deps: deps, log: deps.Logger, profiles: profiles{}}
}

// Configure puts a configuration into force. client is nil if no advisor is enabled; what the day has cost is carried over.
func (s *Service) Configure(config advisor.Config, client *advisor.Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		s.kept.Usage = s.client.Usage()
		s.client.Close()
	}
	if client != nil {
		client.Restore(s.kept.Usage)
	}
	s.config, s.client = config, client
}

// Restore takes what a process before kept. What cannot be read is left out.
func (s *Service) Restore(ctx context.Context) {
	data, err := s.deps.State.LoadState(ctx, stateKey)
	if errors.Is(err, models.ErrNotFound) {
		return
	}
	var k kept
	if err == nil {
		err = json.Unmarshal(data, &k)
	}
	if err != nil {
		s.log.WarnContext(ctx, "what the advisor knew cannot be read; it begins anew", "err", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = k
	for id, p := range k.Profiles {
		if p != nil && len(p.Mean) == hoursOfWeek && len(p.Weeks) == hoursOfWeek {
			s.profiles[id] = p
		}
	}
	s.kept.Profiles = nil
	if s.client != nil {
		s.client.Restore(k.Usage)
	}
}

// save keeps what must survive a restart. s.mu is held.
func (s *Service) save(ctx context.Context) {
	if s.client != nil {
		s.kept.Usage = s.client.Usage()
	}
	k := s.kept
	k.Profiles = s.profiles
	data, err := json.Marshal(k)
	if err == nil {
		err = s.deps.State.SaveState(ctx, stateKey, data)
	}
	if err != nil {
		s.log.WarnContext(ctx, "what the advisor knows could not be saved", "err", err)
	}
}

// unavailable says of an error of the advisor that it is not the caller's fault, unless it is.
func unavailable(err error) error {
	if err == nil || errors.Is(err, models.ErrInvalid) || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", err, models.ErrUnavailable)
}

// enabled returns the client, or an error that says how to get one.
func (s *Service) enabled() (*advisor.Client, advisor.Config, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		return nil, s.config, fmt.Errorf("there is no advisor: configure one below advisor, with enabled: true, and reload: %w", models.ErrNotFound)
	}
	return s.client, s.config, nil
}

// adviser returns the client, nil if there is none.
func (s *Service) adviser() *advisor.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client
}

// Run asks for advice again and again until ctx ends. wait waits until the time has passed and returns true, or false when ctx has
// ended.
func (s *Service) Run(ctx context.Context, wait func(ctx context.Context, d time.Duration) bool) error {
	const look = time.Minute
	next := time.Time{}
	for wait(ctx, look) {
		now := s.deps.Now()
		s.learn(ctx, now)
		_, config, err := s.enabled()
		every := config.Every.Std()
		if err != nil || every == 0 || now.Before(next) {
			continue
		}
		next = now.Add(every)
		// What fails is in the record, the report and the log; the loop goes on.
		_, _ = s.Advise(ctx, "", "schedule")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.save(context.WithoutCancel(ctx))
	return nil
}

// Advise asks for advice now; text is what an operator knows about the load, and may be empty. What comes back is in force at once,
// with the weight that the advisor has earned. The record says what was sent and what came of it, also beside an error.
func (s *Service) Advise(ctx context.Context, text, by string) (models.AdviceRecord, error) {
	client, config, err := s.enabled()
	if err != nil {
		return models.AdviceRecord{}, err
	}
	s.asking.Lock()
	defer s.asking.Unlock()
	brief, err := s.brief(ctx, &config, text)
	if err != nil {
		return models.AdviceRecord{}, err
	}
	reply, record, err := client.Advise(ctx, brief)
	if err == nil {
		record.Dropped = append(slices.Clone(reply.Clipped), reply.Dropped...)
		record.Kept = s.put(ctx, reply.Hints, config.Name, &record)
		s.try(ctx, reply.Patterns, &record)
	}
	if err != nil {
		s.log.WarnContext(ctx, "no advice", "by", by, "err", err)
	}
	return record, errors.Join(unavailable(err), s.conclude(ctx, &record, err))
}

// put gives the hints of an answer to the engine. One that says something else about the same targets from the same time on replaces
// the one before.
func (s *Service) put(ctx context.Context, all []models.Hint, name string, record *models.AdviceRecord) []models.Hint {
	standing := 0
	for _, h := range s.deps.Hints.Hints() {
		if h.Source == models.HintAdvisor {
			standing++
		}
	}
	var put []models.Hint
	for _, h := range all {
		if standing >= maxStanding {
			record.Dropped = append(record.Dropped, fmt.Sprintf("%d hints of the advisor are in force, which is enough", standing))
			break
		}
		kind := models.AdviceMultiplier
		if h.Floor > 0 {
			kind = models.AdviceFloor
		}
		h.ID = models.NewID("advice", models.TargetID(name), h.Start, fmt.Sprint(kind, h.Selector.Targets, h.Selector.Groups))
		added, err := s.deps.Hints.AddHints(ctx, []models.Hint{h}, name)
		if err != nil {
			record.Dropped = append(record.Dropped, err.Error())
			continue
		}
		put, standing = append(put, added...), standing+1
	}
	return put
}

// conclude records an exchange. An exchange whose record cannot be kept is an error, though what came of it is in force.
func (s *Service) conclude(ctx context.Context, record *models.AdviceRecord, failure error) error {
	s.mu.Lock()
	s.lastAsked, s.lastError = record.At, ""
	if failure != nil {
		s.lastError = failure.Error()
	}
	s.kept.CostUSD += record.USD
	s.save(ctx)
	s.mu.Unlock()
	if err := s.deps.Journal.Append(context.WithoutCancel(ctx), models.NewAdviceEvent(*record)); err != nil {
		s.log.ErrorContext(ctx, "an exchange with the advisor could not be recorded", "err", err)
		return fmt.Errorf("the exchange could not be recorded: %w", err)
	}
	return nil
}

// AdvicePrompt returns what would leave the process if advice was asked for now, and sends nothing.
func (s *Service) AdvicePrompt(ctx context.Context) (models.AdvisorPrompt, error) {
	client, config, err := s.enabled()
	if err != nil {
		return models.AdvisorPrompt{}, err
	}
	brief, err := s.brief(ctx, &config, "")
	if err != nil {
		return models.AdvisorPrompt{}, err
	}
	p, err := client.AdvicePrompt(brief)
	if err != nil {
		return models.AdvisorPrompt{}, err
	}
	return models.AdvisorPrompt{Purpose: advisor.PurposeAdvice, Endpoint: p.URL, Text: p.String()}, nil
}

// AdvisorReport returns what came of hints and advice, and what the advice has cost.
func (s *Service) AdvisorReport() models.AdvisorReport {
	scores := s.deps.Hints.HintScores()
	s.mu.Lock()
	defer s.mu.Unlock()
	r := models.AdvisorReport{
		Scores: scores, Patterns: slices.Clone(s.kept.Patterns), LastAsked: s.lastAsked, LastError: s.lastError, CostUSD: s.kept.CostUSD,
	}
	slices.Reverse(r.Patterns)
	usage := s.kept.Usage
	if s.client != nil {
		r.Enabled, r.Name, r.Model = true, s.config.Name, s.config.Model
		usage = s.client.Usage()
	}
	r.Today = models.AdvisorUsage{Day: usage.Day, Requests: usage.Requests, TokensIn: usage.TokensIn, TokensOut: usage.TokensOut, USD: usage.USD}
	for i := range scores {
		if scores[i].Source == s.config.Name {
			r.BenefitUSD += scores[i].BenefitUSD
			r.EarnedUSD += scores[i].EarnedUSD
		}
	}
	return r
}
