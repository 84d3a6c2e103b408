package advisor

import (
	"fmt"
	"path/filepath"
	"time"

	"pilotlight/models"
)

// APIType says how an endpoint builds its addresses and takes its key.
type APIType string

// The kinds of endpoints.
const (
	// APIOpenAI is the API of OpenAI, which Ollama, vLLM, llama.cpp and many others offer too.
	APIOpenAI APIType = "openai"
	// APIAzure is Azure OpenAI: the model is a deployment, and the API has a version.
	APIAzure APIType = "azure"
)

// Output says how a model is made to answer in JSON.
type Output string

// The ways to structured output. The answer is checked in the same way whichever is chosen.
const (
	// OutputSchema sends a JSON schema that the endpoint enforces.
	OutputSchema Output = "json_schema"
	// OutputObject asks for any JSON object, and shows the schema in the prompt.
	OutputObject Output = "json_object"
	// OutputTool sends the schema as that of a tool which has to be called.
	OutputTool Output = "tool"
	// OutputText only shows the schema in the prompt, for servers that have none of the above.
	OutputText Output = "text"
)

// Config is what a user sets for the advisor.
type Config struct {
	// Enabled turns the advisor on. Without it nothing else is looked at, and nothing leaves the process.
	Enabled bool `yaml:"enabled"`
	// Name is what the advisor is called in hints, records and reports.
	Name string `yaml:"name"`
	// Every is how often advice is asked for; 0 is only when somebody asks. TimeZone is the IANA name of the zone in which days and
	// hours are meant, in summaries and in what operators say; empty is UTC.
	Every    models.Duration `yaml:"every"`
	TimeZone string          `yaml:"time_zone"`
	// BaseURL is the address that /chat/completions is put behind, or that of the resource on Azure.
	BaseURL string  `yaml:"base_url"`
	APIType APIType `yaml:"api_type"`
	// Deployment and APIVersion are for Azure.
	Deployment string `yaml:"deployment"`
	APIVersion string `yaml:"api_version"`
	// Model is the name of the model as the endpoint knows it.
	Model        string `yaml:"model"`
	Organisation string `yaml:"organisation"`
	// APIKeyFile or APIKeyEnv says where the key is. The file is read for each request, so that the key can be changed while the daemon runs.
	APIKeyFile string `yaml:"api_key_file"`
	APIKeyEnv  string `yaml:"api_key_env"`
	// CAFile holds certificates of authorities in PEM that are trusted beside those of the system.
	CAFile string `yaml:"ca_file"`
	// Proxy is the address of an HTTP proxy; empty is that of the environment.
	Proxy string `yaml:"proxy"`
	// Timeout bounds each request, the whole of its answer included.
	Timeout models.Duration `yaml:"timeout"`
	Output  Output          `yaml:"output"`
	// Stream asks for the answer in pieces, which lets a runaway answer be cut.
	Stream bool `yaml:"stream"`
	// MaxTokens bounds the answer. The temperature is always 0.
	MaxTokens int `yaml:"max_tokens"`
	// ReasoningEffort is sent to models that reason; for them neither a temperature nor a seed is sent.
	ReasoningEffort string `yaml:"reasoning_effort"`
	// Seed makes the answers of models that know seeds repeatable.
	Seed int `yaml:"seed"`
	// MaxReplyBytes bounds the text of an answer; a longer one is cut off and not used.
	MaxReplyBytes int `yaml:"max_reply_bytes"`
	// Retries is how often a request is repeated that failed in a way that may pass; MaxRetryAfter is the longest wait for it.
	Retries       int             `yaml:"retries"`
	MaxRetryAfter models.Duration `yaml:"max_retry_after"`
	// Repairs is how often a model is told what is wrong with its answer, and asked again.
	Repairs int `yaml:"repairs"`
	// MaxConcurrent is how many requests are under way at once.
	MaxConcurrent int `yaml:"max_concurrent"`
	// CacheTTL is how long an answer is kept for the very same question; 0 keeps none.
	CacheTTL models.Duration `yaml:"cache_ttl"`
	Budget   BudgetConfig    `yaml:"budget"`
	Breaker  BreakerConfig   `yaml:"breaker"`
	Bounds   Bounds          `yaml:"bounds"`
	Parse    ParseBounds     `yaml:"parse"`
	Prompt   PromptConfig    `yaml:"prompt"`
}

// BudgetConfig bounds what a UTC day may cost.
type BudgetConfig struct {
	// TokensPerDay bounds the tokens of prompts and answers together.
	TokensPerDay int `yaml:"tokens_per_day"`
	// USDPerDay bounds the money; 0 is no bound, and else the prices have to be there.
	USDPerDay float64 `yaml:"usd_per_day"`
	// InputPerMillion and OutputPerMillion are the prices of a million tokens, in dollars.
	InputPerMillion  float64 `yaml:"input_usd_per_million"`
	OutputPerMillion float64 `yaml:"output_usd_per_million"`
}

// BreakerConfig says when an endpoint that fails is left alone, and for how long.
type BreakerConfig struct {
	// Failures is how many exchanges in a row have to fail; an answer that cannot be used is a failure too.
	Failures int             `yaml:"failures"`
	Open     models.Duration `yaml:"open"`
}

// Bounds are what an advice may do at most, whatever the model says.
type Bounds struct {
	// RaiseOnly drops every advice that would lower anything.
	RaiseOnly bool `yaml:"raise_only"`
	// MinMultiplier is the least multiplier where advice may lower.
	MinMultiplier float64 `yaml:"min_multiplier"`
	MaxMultiplier float64 `yaml:"max_multiplier"`
	// MaxFloor is the greatest floor; 0 takes no advice about floors.
	MaxFloor int `yaml:"max_floor"`
	// MaxSpan is how long an advice holds; MaxAhead how far ahead it begins.
	MaxSpan  models.Duration `yaml:"max_span"`
	MaxAhead models.Duration `yaml:"max_ahead"`
	// MaxAdvice is how many advices of one answer are taken, patterns counted apart.
	MaxAdvice int `yaml:"max_advice"`
	// MinConfidence drops what the model itself is less sure of.
	MinConfidence float64 `yaml:"min_confidence"`
}

// ParseBounds are what a hint out of an operator's own words may do. It is only proposed, and somebody confirms it.
type ParseBounds struct {
	MaxMultiplier float64         `yaml:"max_multiplier"`
	MaxFloor      int             `yaml:"max_floor"`
	MaxSpan       models.Duration `yaml:"max_span"`
	MaxAhead      models.Duration `yaml:"max_ahead"`
	MaxHints      int             `yaml:"max_hints"`
}

// PromptConfig says what leaves the process.
type PromptConfig struct {
	// MaskNames replaces the names of targets and groups by T1, G1 and so on, and leaves labels out.
	MaskNames bool `yaml:"mask_names"`
	// MaxSubjects, MaxNotes and MaxChars bound the summary that is sent.
	MaxSubjects int `yaml:"max_subjects"`
	MaxNotes    int `yaml:"max_notes"`
	MaxChars    int `yaml:"max_chars"`
}

// DefaultConfig returns the defaults: off, names masked, raise only up to 3 times for a day. The address and the model have none.
func DefaultConfig() Config {
	const day = 24 * time.Hour
	return Config{
		Name: "advisor", Every: models.Duration(time.Hour), APIType: APIOpenAI, Timeout: models.Duration(time.Minute), Output: OutputSchema, Stream: true,
		MaxTokens: 4000, Seed: 1, MaxReplyBytes: 256 << 10, Retries: 2, MaxRetryAfter: models.Duration(30 * time.Second), Repairs: 1,
		MaxConcurrent: 2, CacheTTL: models.Duration(15 * time.Minute),
		Budget:  BudgetConfig{TokensPerDay: 500_000},
		Breaker: BreakerConfig{Failures: 3, Open: models.Duration(10 * time.Minute)},
		Bounds: Bounds{
			RaiseOnly: true, MinMultiplier: 0.5, MaxMultiplier: 3, MaxFloor: 5, MaxSpan: models.Duration(day), MaxAhead: models.Duration(14 * day),
			MaxAdvice: 20, MinConfidence: 0.3,
		},
		Parse: ParseBounds{
			MaxMultiplier: 20, MaxFloor: 100, MaxSpan: models.Duration(14 * day), MaxAhead: models.Duration(366 * day), MaxHints: 20,
		},
		Prompt: PromptConfig{MaskNames: true, MaxSubjects: 20, MaxNotes: 50, MaxChars: 40_000},
	}
}

// Zone returns the zone of the configuration.
func (c *Config) Zone() (*time.Location, error) {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("time_zone: %q is no IANA name of a zone, such as Europe/Berlin: %w", c.TimeZone, models.ErrInvalid)
	}
	return zone, nil
}

// SetDirectory makes relative names of files ones below the folder of the configuration file.
func (c *Config) SetDirectory(dir string) {
	for _, file := range []*string{&c.APIKeyFile, &c.CAFile} {
		if *file != "" && !filepath.IsAbs(*file) {
			*file = filepath.Join(dir, *file)
		}
	}
}
