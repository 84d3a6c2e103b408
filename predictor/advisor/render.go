package advisor

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"pilotlight/models"
)

// The bounds of texts and lists of a brief that are not configured.
const (
	maxOperatorText = 4000
	maxNoteText     = 400
	maxShortText    = 60
	maxLabels       = 20
	maxLabelText    = 80
	maxShifts       = 10
	maxMembers      = 40
	maxEvents       = 50
	hoursOfWeek     = 7 * 24
	recentHours     = 48
	forecastHours   = 48
	maxWeekTotals   = 12
)

// number is a number with three significant digits; what is not one becomes null.
type number float64

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	x := float64(n)
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return []byte("null"), nil
	}
	x, err := strconv.ParseFloat(strconv.FormatFloat(x, 'e', 2, 64), 64)
	if err != nil {
		return []byte("null"), nil //nolint:nilerr // what rounds to more than a float64 can hold is not known
	}
	if x == 0 {
		return []byte("0"), nil // and no -0
	}
	return json.Marshal(x)
}

// briefData is a brief as it is sent.
type briefData struct {
	Now      string        `json:"now"`
	Weekday  string        `json:"weekday"`
	Zone     string        `json:"time_zone"`
	Step     number        `json:"step_seconds"`
	Subjects []subjectData `json:"subjects"`
	LeftOut  int           `json:"subjects_left_out,omitempty"`
	Events   []eventData   `json:"known_events,omitempty"`
	Notes    []noteData    `json:"notes,omitempty"`
	Text     string        `json:"operator_text,omitempty"`
	Members  []string      `json:"forecasters,omitempty"`
}

type subjectData struct {
	ID            string            `json:"id"`
	Group         string            `json:"group,omitempty"`
	Name          string            `json:"name,omitempty"`
	Labels        map[string]string `json:"labels,omitempty"`
	Unit          string            `json:"unit,omitempty"`
	HourOfWeek    []number          `json:"hour_of_week_mean,omitempty"`
	RecentHours   []number          `json:"recent_hours,omitempty"`
	WeekTotals    []number          `json:"week_totals,omitempty"`
	ForecastMean  []number          `json:"forecast_mean,omitempty"`
	ForecastHigh  []number          `json:"forecast_high,omitempty"`
	HighLevel     number            `json:"forecast_high_level,omitempty"`
	RelativeError *number           `json:"forecast_relative_error,omitempty"`
	Bias          *number           `json:"forecast_bias,omitempty"`
	Shifts        []shiftData       `json:"level_shifts,omitempty"`
	Warm          *int              `json:"warm,omitempty"`
	MaxWarm       *int              `json:"max_warm,omitempty"`
}

type shiftData struct {
	At   string `json:"at"`
	From number `json:"from"`
	To   number `json:"to"`
}

type eventData struct {
	Subjects   []string `json:"subjects"`
	Start      string   `json:"start"`
	End        string   `json:"end"`
	Recurrence string   `json:"recurrence,omitempty"`
	Multiplier number   `json:"multiplier,omitempty"`
	Floor      int      `json:"floor,omitempty"`
	Reason     string   `json:"reason,omitempty"`
	Source     string   `json:"source,omitempty"`
}

type noteData struct {
	At       string   `json:"at"`
	Kind     string   `json:"kind,omitempty"`
	Subjects []string `json:"subjects,omitempty"`
	Text     string   `json:"text"`
}

// rendering is a brief that is ready to be sent, and what is needed to read the answer.
type rendering struct {
	data  string
	names *names
	// groups are the groups of the targets among the subjects, by mask.
	groups map[string]string
	// members are those that may be proposed.
	members []string
	// left says which subjects could not be shown, and why.
	left []string
}

// render makes the data of a brief: the same brief gives the same bytes. What does not fit is left out from the end.
func render(b *Brief, c PromptConfig) (rendering, error) {
	out := rendering{names: newNames(c.MaskNames), groups: map[string]string{}}
	zone := zoneOf(b.Zone)
	shown := out.subjects(b.Subjects, c.MaxSubjects)
	members := b.Members
	if len(members) > maxMembers {
		members = members[:maxMembers]
	}
	for _, m := range members {
		if memberPattern.MatchString(m) && redact(m) == m {
			out.members = append(out.members, m)
		}
	}
	data := briefData{
		Now: moment(b.Now, zone), Weekday: b.Now.In(zone).Weekday().String(), Zone: zone.String(), Step: number(b.Step.Seconds()),
		LeftOut: len(b.Subjects) - len(shown), Text: out.names.text(b.Text, maxOperatorText), Members: out.members,
	}
	for _, s := range shown {
		data.Subjects = append(data.Subjects, out.subject(s, zone))
	}
	data.Events = out.events(b.Hints, shown, zone)
	data.Notes = out.notes(b.Notes, c.MaxNotes, zone)
	text, err := out.fit(&data, c.MaxChars)
	out.data = text
	return out, err
}

func zoneOf(zone *time.Location) *time.Location {
	if zone == nil {
		return time.UTC
	}
	return zone
}

// moment renders a time to the minute.
func moment(t time.Time, zone *time.Location) string {
	return t.In(zone).Truncate(time.Minute).Format(time.RFC3339)
}

// subjects gives masks to the subjects and returns those that can be shown, each once.
func (r *rendering) subjects(all []Subject, limit int) []Subject {
	var shown []Subject
	seen := map[ref]bool{}
	for _, s := range all {
		key := subjectRef(&s)
		if seen[key] || len(shown) == limit {
			continue
		}
		seen[key] = true
		if !r.names.add(key) {
			r.left = append(r.left, fmt.Sprintf("subject %q is not shown: its name is empty or has a wildcard", shortened(oneLine(redact(key.name())), maxShortText)))
			continue
		}
		shown = append(shown, s)
	}
	for _, s := range shown {
		if mask, ok := r.names.masks[ref{group: s.Group}]; ok && s.Target != "" {
			r.groups[r.names.masks[subjectRef(&s)]] = mask
		}
	}
	return shown
}

func subjectRef(s *Subject) ref {
	if s.Target != "" {
		return ref{target: s.Target}
	}
	return ref{group: s.Group}
}

// subject renders a subject.
func (r *rendering) subject(s Subject, zone *time.Location) subjectData {
	mask := r.names.masks[subjectRef(&s)]
	out := subjectData{
		ID: mask, Group: r.groups[mask], Unit: r.names.text(oneLine(s.Unit), maxShortText),
		HourOfWeek: numbers(s.HourOfWeek, hoursOfWeek), RecentHours: lastNumbers(s.RecentHours, recentHours), WeekTotals: lastNumbers(s.WeekTotals, maxWeekTotals),
		ForecastMean: numbers(s.ForecastMean, forecastHours), ForecastHigh: numbers(s.ForecastHigh, forecastHours),
		RelativeError: known(s.RelativeError), Bias: known(s.Bias),
	}
	if len(out.ForecastHigh) > 0 {
		out.HighLevel = number(s.HighLevel)
	}
	if s.Warm >= 0 {
		out.Warm = &s.Warm
	}
	if s.MaxWarm >= 0 {
		out.MaxWarm = &s.MaxWarm
	}
	shifts := s.Shifts[max(0, len(s.Shifts)-maxShifts):]
	for _, shift := range shifts {
		out.Shifts = append(out.Shifts, shiftData{At: moment(shift.At, zone), From: number(shift.From), To: number(shift.To)})
	}
	if r.names.hide {
		return out
	}
	out.Name = shortened(oneLine(redact(subjectRef(&s).name())), 2*maxLabelText)
	out.Labels = labels(s.Labels)
	return out
}

// labels makes labels fit to be sent.
func labels(all map[string]string) map[string]string {
	out := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if len(out) == maxLabels {
			break
		}
		value := shortened(oneLine(redact(all[name])), maxLabelText)
		if secretLabel(name) {
			value = redacted
		}
		out[shortened(oneLine(redact(name)), maxLabelText)] = value
	}
	return out
}

// known returns a number, nil if it is not one.
func known(x float64) *number {
	if math.IsNaN(x) {
		return nil
	}
	n := number(x)
	return &n
}

func numbers(xs []float64, limit int) []number {
	var out []number
	for _, x := range xs[:min(len(xs), limit)] {
		out = append(out, number(x))
	}
	return out
}

func lastNumbers(xs []float64, limit int) []number {
	return numbers(xs[max(0, len(xs)-limit):], limit)
}

// events renders the hints that are about subjects.
func (r *rendering) events(hints []models.Hint, shown []Subject, zone *time.Location) []eventData {
	var out []eventData
	for i := range hints {
		h := &hints[i]
		subjects := []string{}
		for _, s := range shown {
			target := models.Target{ID: s.Target, Group: s.Group, Labels: s.Labels}
			if s.Target != "" && h.Selector.Matches(&target) || s.Target == "" && slices.Contains(h.Selector.Groups, s.Group) {
				subjects = append(subjects, r.names.masks[subjectRef(&s)])
			}
		}
		if len(subjects) == 0 || len(out) == maxEvents {
			continue
		}
		out = append(out, eventData{
			Subjects: subjects, Start: moment(h.Start, zone), End: moment(h.End, zone), Recurrence: r.names.text(oneLine(h.Recurrence), 2*maxLabelText),
			Multiplier: number(h.Multiplier), Floor: h.Floor, Reason: r.names.text(h.Reason, maxNoteText), Source: r.names.text(string(h.Source), maxShortText),
		})
	}
	return out
}

// notes renders the newest notes, the oldest of them first.
func (r *rendering) notes(notes []Note, limit int, zone *time.Location) []noteData {
	sorted := slices.Clone(notes)
	slices.SortStableFunc(sorted, func(a, b Note) int { return a.At.Compare(b.At) })
	var out []noteData
	for _, n := range sorted[max(0, len(sorted)-limit):] {
		note := noteData{At: moment(n.At, zone), Kind: r.names.text(oneLine(n.Kind), maxShortText), Text: r.names.text(n.Text, maxNoteText)}
		for _, about := range []ref{{target: n.Target}, {group: n.Group}} {
			if mask, ok := r.names.masks[about]; ok && about != (ref{}) {
				note.Subjects = append(note.Subjects, mask)
			}
		}
		out = append(out, note)
	}
	return out
}

// fit renders the data in at most limit bytes: subjects go first, from the end, down to one; then events, then the oldest notes.
func (r *rendering) fit(data *briefData, limit int) (string, error) {
	for {
		text, err := json.Marshal(data)
		if err != nil {
			return "", fmt.Errorf("render the brief: %w", err)
		}
		over := len(text) - limit
		switch {
		case over <= 0:
			return string(text), nil
		case len(data.Subjects) > 1:
			if err := data.leaveOut(over); err != nil {
				return "", err
			}
		case len(data.Events) > 0:
			data.Events = data.Events[:len(data.Events)-1]
		case len(data.Notes) > 0:
			data.Notes = data.Notes[1:]
		default:
			return "", fmt.Errorf("the brief takes %d bytes with one subject alone, more than prompt.max_chars %d: %w", len(text), limit, models.ErrInvalid)
		}
	}
}

// leaveOut takes subjects away that take so many bytes together, from the end, at least one and not the first.
func (data *briefData) leaveOut(over int) error {
	for over > 0 && len(data.Subjects) > 1 {
		last := len(data.Subjects) - 1
		text, err := json.Marshal(data.Subjects[last])
		if err != nil {
			return fmt.Errorf("render the brief: %w", err)
		}
		over -= len(text)
		data.Subjects = data.Subjects[:last]
		data.LeftOut++
	}
	return nil
}
