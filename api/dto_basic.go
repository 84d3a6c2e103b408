package api

import (
	"encoding/json"
	"math"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"pilotlight/models"
)

// Number is a float64 whose NaN and infinities are null in JSON, which cannot hold them.
type Number float64

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) {
	v := float64(n)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(v)
}

// UnmarshalJSON implements json.Unmarshaler; null becomes NaN.
func (n *Number) UnmarshalJSON(data []byte) error {
	var v *float64
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	*n = Number(math.NaN())
	if v != nil {
		*n = Number(*v)
	}
	return nil
}

// Schema implements huma.SchemaProvider.
func (Number) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Format: "double", Nullable: true}
}

// numbers converts values, NaN for gaps.
func numbers(values []float64) []Number {
	out := make([]Number, len(values))
	for i, v := range values {
		out[i] = Number(v)
	}
	return out
}

// Capacity is the wire form of models.Capacity; a lever that is not set is absent.
type Capacity struct {
	Warm       *int     `json:"warm,omitempty" minimum:"0" example:"3" doc:"Floor of ready instances. Absent: unknown, or left alone."`
	KeepAliveS *float64 `json:"keep_alive_s,omitempty" minimum:"0" example:"600" doc:"How long an idle instance stays, in seconds."`
	Max        *int     `json:"max,omitempty" minimum:"0" example:"50" doc:"Greatest number of instances."`
	MemoryMB   *int     `json:"memory_mb,omitempty" minimum:"0" example:"512" doc:"Memory of an instance in MB of 1024*1024 bytes."`
}

func toCapacity(c models.Capacity) Capacity {
	var out Capacity
	if v, ok := c.Warm(); ok {
		out.Warm = &v
	}
	if v, ok := c.KeepAlive(); ok {
		seconds := v.Seconds()
		out.KeepAliveS = &seconds
	}
	if v, ok := c.Max(); ok {
		out.Max = &v
	}
	if v, ok := c.Memory(); ok {
		out.MemoryMB = &v
	}
	return out
}

// Figures are the numbers behind a reason. In JSON they are an object in the order in which the reason gave them.
type Figures []models.Number

// MarshalJSON implements json.Marshaler.
func (f Figures) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, n := range f {
		if i > 0 {
			out = append(out, ',')
		}
		name, err := json.Marshal(n.Name)
		if err != nil {
			return nil, err
		}
		value, err := Number(n.Value).MarshalJSON()
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, name...), ':'), value...)
	}
	return append(out, '}'), nil
}

// UnmarshalJSON implements json.Unmarshaler; it keeps the order and leaves unknown figures out.
func (f *Figures) UnmarshalJSON(data []byte) error {
	var r models.Reason
	if err := r.UnmarshalJSON(append(append([]byte(`{"numbers":`), data...), '}')); err != nil {
		return err
	}
	*f = r.Numbers
	return nil
}

// Schema implements huma.SchemaProvider.
func (Figures) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: Number(0).Schema(r)}
}

// Reason is the wire form of models.Reason.
type Reason struct {
	Code    string  `json:"code" example:"predicted" doc:"Why, as a code that is never renamed."`
	Text    string  `json:"text" example:"instances that the forecast load needs (warm 3)" doc:"The same for people, with its numbers."`
	Numbers Figures `json:"numbers,omitempty" doc:"The figures behind the reason, by name; null is unknown."`
	Detail  string  `json:"detail,omitempty" doc:"What numbers cannot say, such as an error. Untrusted text."`
}

func toReason(r models.Reason) Reason {
	return Reason{Code: string(r.Code), Text: r.String(), Numbers: Figures(r.Numbers), Detail: r.Detail}
}

func toReasons(reasons []models.Reason) []Reason {
	out := make([]Reason, len(reasons))
	for i, r := range reasons {
		out[i] = toReason(r)
	}
	return out
}

// Price is the wire form of models.Price; null is unknown.
type Price struct {
	IdleGBs         Number `json:"idle_gb_s" doc:"Expected idle memory over the window of the decision, in GB-seconds."`
	ColdStarts      Number `json:"cold_starts" doc:"Expected number of cold starts over the window with the decided capacity."`
	ColdStartsSaved Number `json:"cold_starts_saved" doc:"How many fewer that is than with no warm instance at all."`
	USDPerHour      Number `json:"usd_per_hour" doc:"List price of keeping the decided floor for an hour, in US dollars."`
}

// Decision is the wire form of models.Decision.
type Decision struct {
	ID         string    `json:"id" doc:"The same for the same target, time and configuration."`
	Target     string    `json:"target" doc:"ID of the target. Untrusted text."`
	At         time.Time `json:"at" doc:"When it was decided."`
	Mode       string    `json:"mode" enum:"dry-run,approve,auto" doc:"How far Pilotlight might go."`
	Current    Capacity  `json:"current" doc:"The capacity the platform had."`
	Desired    Capacity  `json:"desired" doc:"The capacity to have. With no lever the decision is to hold."`
	Reactive   int       `json:"reactive" minimum:"-1" doc:"Instances that the load of the last minutes asks for, before guardrails; -1 is unknown."`
	Predicted  int       `json:"predicted" minimum:"-1" doc:"Instances that the forecast asks for, before guardrails; -1 is unknown."`
	Reasons    []Reason  `json:"reasons" nullable:"false" doc:"Why the desired capacity is what it is, in the order in which the reasons applied."`
	Model      string    `json:"model,omitempty" doc:"The forecaster behind predicted; absent if none was used."`
	Price      Price     `json:"price"`
	ConfigHash string    `json:"config_hash" doc:"Identifies the configuration that decided."`
}

func toDecision(d *models.Decision) Decision {
	return Decision{
		ID: d.ID, Target: string(d.Target), At: d.At.UTC(), Mode: string(d.Mode),
		Current: toCapacity(d.Current), Desired: toCapacity(d.Desired), Reactive: d.Reactive, Predicted: d.Predicted,
		Reasons: toReasons(d.Reasons), Model: d.Model, ConfigHash: d.ConfigHash,
		Price: Price{
			IdleGBs: Number(d.Price.IdleGBs), ColdStarts: Number(d.Price.ColdStarts),
			ColdStartsSaved: Number(d.Price.ColdStartsSaved), USDPerHour: Number(d.Price.USDPerHour),
		},
	}
}

// Recommendation is the wire form of models.Recommendation.
type Recommendation struct {
	ID       string   `json:"id" doc:"The id of the decision."`
	Target   string   `json:"target" doc:"ID of the target. Untrusted text."`
	Status   string   `json:"status" enum:"advised,pending,approved,rejected,applied,failed,expired,none" doc:"advised: dry-run mode only shows it. pending: it waits for an operator. none: no change is needed."`
	Changes  bool     `json:"changes" doc:"Whether carrying it out would change something."`
	By       string   `json:"by,omitempty" doc:"Who approved or rejected it."`
	Note     string   `json:"note,omitempty" doc:"What that operator noted, or the error of a failure. Untrusted text."`
	Decision Decision `json:"decision"`
}

func toRecommendation(r *models.Recommendation) Recommendation {
	return Recommendation{
		ID: r.Decision.ID, Target: string(r.Decision.Target), Status: string(r.Status), Changes: r.Decision.Changes(),
		By: r.By, Note: r.Note, Decision: toDecision(&r.Decision),
	}
}
