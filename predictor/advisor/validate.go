package advisor

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"pilotlight/models"
)

// The bounds of the configuration itself.
const (
	maxTokensBound   = 200_000
	maxReplyBound    = 4 << 20
	maxSubjectsBound = 200
	maxNotesBound    = 1000
	minChars         = 8000
	maxCharsBound    = 2_000_000
	maxAdviceBound   = 200
	maxTimeout       = 15 * time.Minute
)

// variablePattern is what variables of the environment may be called, wordPattern what names may look like, memberPattern those of forecasters.
var (
	variablePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	wordPattern     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,127}$`)
	memberPattern   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)
)

// complaint takes what is wrong with a configuration.
type complaint func(format string, args ...any)

// Validate says all that is wrong, or returns nil. Nothing is asked of an advisor that is not enabled.
func (c Config) Validate() error {
	if !c.Enabled {
		return nil
	}
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf(format+": %w", append(args, models.ErrInvalid)...))
	}
	c.validateEndpoint(bad)
	c.validateKey(bad)
	c.validateRequests(bad)
	c.Budget.validate(bad)
	c.Bounds.validate(bad)
	c.Parse.validate(bad)
	c.Prompt.validate(bad)
	c.validateCalls(bad)
	return errors.Join(errs...)
}

func (c Config) validateEndpoint(bad complaint) {
	if !wordPattern.MatchString(c.Name) {
		bad("name: %q is no name; use letters, digits and . _ : / @ -", c.Name)
	}
	c.validateTimes(bad)
	c.validateAddresses(bad)
	c.validateModel(bad)
	switch c.APIType {
	case APIOpenAI:
		if c.Deployment != "" || c.APIVersion != "" {
			bad("deployment: deployment and api_version are for api_type azure; remove them, or set it")
		}
	case APIAzure:
		if !wordPattern.MatchString(c.Deployment) || strings.Contains(c.Deployment, "/") {
			bad("deployment: %q is no name of a deployment on Azure", c.Deployment)
		}
		if !wordPattern.MatchString(c.APIVersion) {
			bad("api_version: %q is no version of the API of Azure, such as 2024-10-21", c.APIVersion)
		}
	default:
		bad("api_type: %q is not openai or azure", c.APIType)
	}
}

func (c Config) validateTimes(bad complaint) {
	if c.Every != 0 && (c.Every.Std() < time.Minute || c.Every.Std() > 7*24*time.Hour) {
		bad("every: %s is not from 1m to 168h; 0 asks only when somebody does", c.Every)
	}
	if _, err := c.Zone(); err != nil || c.TimeZone == "Local" {
		bad("time_zone: %q is no IANA name of a zone, such as Europe/Berlin", c.TimeZone)
	}
}

func (c Config) validateAddresses(bad complaint) {
	if c.BaseURL == "" {
		bad("base_url: is missing; set the address of the endpoint, such as https://api.openai.com/v1 or http://localhost:11434/v1")
	} else if why := urlProblem(c.BaseURL); why != "" {
		bad("base_url: %s", why)
	}
	if c.Proxy != "" {
		if why := urlProblem(c.Proxy); why != "" {
			bad("proxy: %s", why)
		}
	}
}

func (c Config) validateModel(bad complaint) {
	if c.Model == "" && c.APIType != APIAzure || c.Model != "" && !wordPattern.MatchString(c.Model) {
		bad("model: %q is no name of a model, such as gpt-4.1-mini or qwen2.5:7b", c.Model)
	}
	if c.Organisation != "" && !wordPattern.MatchString(c.Organisation) {
		bad("organisation: is no name of an organisation")
	}
}

func (c Config) validateKey(bad complaint) {
	switch {
	case c.APIKeyFile != "" && c.APIKeyEnv != "":
		bad("api_key_env: is set beside api_key_file; keep one of them")
	case c.APIKeyEnv != "" && !variablePattern.MatchString(c.APIKeyEnv):
		// It may be the key itself, so it is not repeated.
		bad("api_key_env: is no name of a variable; it names where the key is, not the key")
	case looksSecret(c.APIKeyFile):
		bad("api_key_file: looks like the key itself; put it into a file, and name that")
	case c.APIKeyFile == "" && c.APIKeyEnv == "" && (c.APIType == APIAzure || strings.Contains(c.BaseURL, "//api.openai.com")):
		bad("api_key_file: is missing; name a file with the key, or a variable with api_key_env")
	}
}

func (c Config) validateRequests(bad complaint) {
	if c.Timeout <= 0 || c.Timeout.Std() > maxTimeout {
		bad("timeout: %s is not above 0 and up to %s", c.Timeout, maxTimeout)
	}
	if !slices.Contains([]Output{OutputSchema, OutputObject, OutputTool, OutputText}, c.Output) {
		bad("output: %q is not json_schema, json_object, tool or text", c.Output)
	}
	if c.MaxTokens < 100 || c.MaxTokens > maxTokensBound {
		bad("max_tokens: %d is not from 100 to %d", c.MaxTokens, maxTokensBound)
	}
	if c.MaxReplyBytes < 1000 || c.MaxReplyBytes > maxReplyBound {
		bad("max_reply_bytes: %d is not from 1000 to %d", c.MaxReplyBytes, maxReplyBound)
	}
	if c.ReasoningEffort != "" && !slices.Contains([]string{"none", "minimal", "low", "medium", "high"}, c.ReasoningEffort) {
		bad("reasoning_effort: %q is not none, minimal, low, medium or high", c.ReasoningEffort)
	}
}

func (c Config) validateCalls(bad complaint) {
	for _, n := range []struct {
		key                string
		value, least, most int
	}{{"retries", c.Retries, 0, 10}, {"repairs", c.Repairs, 0, 3}, {"max_concurrent", c.MaxConcurrent, 1, 100}, {"breaker.failures", c.Breaker.Failures, 1, 1000}} {
		if n.value < n.least || n.value > n.most {
			bad("%s: %d is not from %d to %d", n.key, n.value, n.least, n.most)
		}
	}
	for _, d := range []struct {
		key         string
		value       models.Duration
		least, most time.Duration
	}{
		{"max_retry_after", c.MaxRetryAfter, 0, maxTimeout},
		{"cache_ttl", c.CacheTTL, 0, retryWindow},
		{"breaker.open", c.Breaker.Open, time.Second, retryWindow},
	} {
		if d.value.Std() < d.least || d.value.Std() > d.most {
			bad("%s: %s is not from %s to %s", d.key, d.value, models.Duration(d.least), models.Duration(d.most))
		}
	}
}

func (b BudgetConfig) validate(bad complaint) {
	if b.TokensPerDay < 1 {
		bad("budget.tokens_per_day: %d is below 1; an advisor without a bound would be one on your money", b.TokensPerDay)
	}
	for _, n := range []struct {
		key   string
		value float64
	}{{"usd_per_day", b.USDPerDay}, {"input_usd_per_million", b.InputPerMillion}, {"output_usd_per_million", b.OutputPerMillion}} {
		if !(n.value >= 0) || math.IsInf(n.value, 0) {
			bad("budget.%s: %v is not a number from 0 on", n.key, n.value)
		}
	}
	if b.USDPerDay > 0 && b.InputPerMillion == 0 && b.OutputPerMillion == 0 {
		bad("budget.usd_per_day: needs prices: set input_usd_per_million and output_usd_per_million")
	}
}

func (b Bounds) validate(bad complaint) {
	if !(b.MinMultiplier > 0 && b.MinMultiplier <= 1) {
		bad("bounds.min_multiplier: %v is not above 0 and up to 1", b.MinMultiplier)
	}
	validateBounds("bounds", b.MaxMultiplier, b.MaxFloor, b.MaxSpan, b.MaxAhead, bad)
	if b.MaxAdvice < 1 || b.MaxAdvice > maxAdviceBound {
		bad("bounds.max_advice: %d is not from 1 to %d", b.MaxAdvice, maxAdviceBound)
	}
	if !(b.MinConfidence >= 0 && b.MinConfidence <= 1) {
		bad("bounds.min_confidence: %v is not from 0 to 1", b.MinConfidence)
	}
}

func (b ParseBounds) validate(bad complaint) {
	validateBounds("parse", b.MaxMultiplier, b.MaxFloor, b.MaxSpan, b.MaxAhead, bad)
	if b.MaxHints < 1 || b.MaxHints > maxAdviceBound {
		bad("parse.max_hints: %d is not from 1 to %d", b.MaxHints, maxAdviceBound)
	}
}

func validateBounds(prefix string, multiplier float64, floor int, span, ahead models.Duration, bad complaint) {
	if !(multiplier >= 1 && multiplier <= models.MaxHintMultiplier) {
		bad("%s.max_multiplier: %v is not from 1 to %d", prefix, multiplier, models.MaxHintMultiplier)
	}
	if floor < 0 || floor > models.MaxHintFloor {
		bad("%s.max_floor: %d is not from 0 to %d", prefix, floor, models.MaxHintFloor)
	}
	for _, d := range []struct {
		key   string
		value models.Duration
	}{{"max_span", span}, {"max_ahead", ahead}} {
		if d.value.Std() < time.Minute || d.value.Std() > models.MaxHintSpan {
			bad("%s.%s: %s is not from 1m to %s", prefix, d.key, d.value, models.Duration(models.MaxHintSpan))
		}
	}
}

func (p PromptConfig) validate(bad complaint) {
	if p.MaxSubjects < 1 || p.MaxSubjects > maxSubjectsBound {
		bad("prompt.max_subjects: %d is not from 1 to %d", p.MaxSubjects, maxSubjectsBound)
	}
	if p.MaxNotes < 0 || p.MaxNotes > maxNotesBound {
		bad("prompt.max_notes: %d is not from 0 to %d", p.MaxNotes, maxNotesBound)
	}
	if p.MaxChars < minChars || p.MaxChars > maxCharsBound {
		bad("prompt.max_chars: %d is not from %d to %d", p.MaxChars, minChars, maxCharsBound)
	}
}

// urlProblem says why an address cannot be used, "" if it can. It does not repeat the address, which may hold a password.
func urlProblem(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return "is not an address like https://api.openai.com/v1"
	case u.User != nil:
		return "holds a user or password; a key belongs into api_key_file"
	case u.RawQuery != "" || u.Fragment != "":
		return "has a query (?...) or a fragment (#...); remove it"
	}
	return ""
}
