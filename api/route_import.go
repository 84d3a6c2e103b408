package api

import (
	"bytes"
	"context"
	"errors"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"pilotlight/hints"
	"pilotlight/models"
)

// pathImport takes a calendar, which may be larger than other bodies.
const pathImport = prefix + "/hints/import"

// maxProblems bounds the events that an answer complains of.
const maxProblems = 1000

// importInput is a calendar and how to read it. Lists are separated by commas.
type importInput struct {
	Calendar         string   `query:"calendar" default:"calendar" minLength:"1" maxLength:"256" doc:"Name of the calendar. Hints of calendars with different names never replace one another."`
	DryRun           bool     `query:"dry_run" doc:"Only say what would change."`
	Strict           bool     `query:"strict" doc:"Take nothing if an event cannot be used."`
	Replace          bool     `query:"replace" doc:"Also remove the hints of events that the calendar no longer has."`
	Multiplier       float64  `query:"multiplier" minimum:"0" maximum:"1000" doc:"Multiplier of events that say nothing themselves."`
	Floor            int      `query:"floor" minimum:"0" maximum:"1048576" doc:"Floor of such events."`
	Targets          []string `query:"targets" doc:"Globs of target ids, for events that name no targets."`
	Groups           []string `query:"groups" doc:"Groups, for such events."`
	Categories       []string `query:"categories" example:"campaign=3,holiday=0.6" doc:"Multipliers of events by their category."`
	TimeZone         string   `query:"time_zone" maxLength:"256" doc:"IANA zone of times that name none; else that of the calendar, else UTC."`
	TimeZones        []string `query:"time_zones" example:"HQ=Europe/Berlin" doc:"IANA names of zones that the calendar made up."`
	IgnoreProperties bool     `query:"ignore_properties" doc:"Leave the X-PILOTLIGHT properties of events out."`
	ContentType      string   `header:"Content-Type" doc:"text/calendar."`
	RawBody          []byte   `contentType:"text/calendar"`
}

// ImportedHint is a hint of a calendar and what became of it.
type ImportedHint struct {
	Hint
	Change string `json:"change" enum:"added,changed,unchanged"`
}

// ImportProblem is an event that no hint came of.
type ImportProblem struct {
	Line    int    `json:"line" doc:"Where the event begins in the calendar, from 1."`
	UID     string `json:"uid,omitempty" doc:"Untrusted text."`
	Summary string `json:"summary,omitempty" doc:"Untrusted text."`
	Text    string `json:"text" doc:"What is wrong, and what to do."`
	Ignored bool   `json:"ignored" doc:"Nothing is wrong: the event is over, called off, or says nothing about load."`
}

// ImportResult is what came of a calendar.
type ImportResult struct {
	DryRun   bool            `json:"dry_run"`
	Items    []ImportedHint  `json:"items" nullable:"false" doc:"In the order of the calendar."`
	Removed  []string        `json:"removed" nullable:"false" doc:"IDs of hints that the calendar took back."`
	Problems []ImportProblem `json:"problems" nullable:"false" doc:"At most 1,000, in the order of the calendar."`
}

type importOutput struct{ Body ImportResult }

func (s *server) registerImport() {
	register(s, huma.Operation{
		OperationID: "import-hints", Method: http.MethodPost, Path: pathImport, Tags: []string{"Hints"}, Summary: "Import a calendar",
		Description: "Reads the events of an iCalendar file (RFC 5545) as hints. A second import of the same changes nothing; an event that was changed " +
			"replaces its hint, and one that was called off removes it. An event that cannot be used is among the problems, and the others count. " +
			"Needs the role operator.",
		Errors: []int{http.StatusConflict}, MaxBodyBytes: hints.MaxCalendarBytes + 1,
	}, s.importHints)
}

func (s *server) importHints(ctx context.Context, in *importInput) (*importOutput, error) {
	if kind, _, err := mime.ParseMediaType(in.ContentType); err != nil || kind != "text/calendar" {
		return nil, problem(problemMediaType, "send an iCalendar file with Content-Type: text/calendar")
	}
	d, err := in.defaults()
	if err != nil {
		return nil, err
	}
	d.Now, d.Author, d.Stop = s.deps.Now(), principalOf(ctx).name, ctx.Err
	im, err := hints.ImportICal(bytes.NewReader(in.RawBody), d)
	if err != nil {
		return nil, err
	}
	out, removed := s.difference(im, in.Replace)
	out.DryRun = in.DryRun
	if in.DryRun {
		return &importOutput{Body: *out}, nil
	}
	if _, err := s.deps.Hints.AddHints(ctx, im.Hints, d.Author); err != nil {
		return nil, err
	}
	for _, id := range removed {
		if err := s.deps.Hints.RemoveHint(ctx, id, d.Author); err != nil && !errors.Is(err, models.ErrNotFound) {
			return nil, err
		}
	}
	return &importOutput{Body: *out}, nil
}

// defaults reads the query.
func (in *importInput) defaults() (hints.Defaults, error) {
	d := hints.Defaults{
		Calendar: in.Calendar, Strict: in.Strict, TimeZone: in.TimeZone, IgnoreProperties: in.IgnoreProperties,
		Effect: hints.Effect{Multiplier: in.Multiplier, Floor: in.Floor}, Categories: map[string]hints.Effect{}, TimeZones: map[string]string{},
	}
	if len(in.Targets) > 0 || len(in.Groups) > 0 {
		d.Effect.Selector = &models.HintSelector{Targets: in.Targets, Groups: in.Groups}
	}
	for _, text := range in.Categories {
		name, value, _ := strings.Cut(text, "=")
		multiplier, err := strconv.ParseFloat(value, 64)
		if err != nil || !(multiplier > 0 && multiplier <= models.MaxHintMultiplier) {
			return d, invalid("query.categories", "write them like campaign=3,holiday=0.6, with multipliers above 0 and up to 1000")
		}
		d.Categories[strings.ToLower(strings.TrimSpace(name))] = hints.Effect{Multiplier: multiplier}
	}
	for _, text := range in.TimeZones {
		name, zone, ok := strings.Cut(text, "=")
		if !ok || zone == "" {
			return d, invalid("query.time_zones", "write them like HQ=Europe/Berlin")
		}
		d.TimeZones[name] = zone
	}
	return d, nil
}

// difference says what a calendar changes, and which hints it takes back.
func (s *server) difference(im *hints.Import, whole bool) (out *ImportResult, removed []string) {
	out = &ImportResult{Items: []ImportedHint{}, Removed: []string{}, Problems: []ImportProblem{}}
	known := map[string]models.Hint{}
	var ids []string
	for _, h := range s.deps.Hints.Hints() {
		known[h.ID] = h
		if h.Source == models.HintCalendar {
			ids = append(ids, h.ID)
		}
	}
	for i := range im.Hints {
		h := im.Hints[i]
		before, found := known[h.ID]
		change := "added"
		if found {
			before.Created = h.Created
			if change = "changed"; reflect.DeepEqual(before, h) {
				change = "unchanged"
			}
		}
		out.Items = append(out.Items, ImportedHint{Hint: toHint(&h), Change: change})
	}
	removed = im.Stale(ids, whole)
	out.Removed = append(out.Removed, removed...)
	for _, p := range im.Problems[:min(len(im.Problems), maxProblems)] {
		out.Problems = append(out.Problems, ImportProblem{Line: p.Line, UID: p.UID, Summary: p.Summary, Text: p.Text, Ignored: p.Ignored})
	}
	return out, removed
}

// bodyLimit returns how large the body of a request to a route may be.
func bodyLimit(route string) int64 {
	if route == pathImport {
		return hints.MaxCalendarBytes + 1
	}
	return maxBodyBytes
}
