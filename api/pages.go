package api

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"pilotlight/models"
)

//go:embed pages/index.html pages/docs.html pages/style.css
var pageFiles embed.FS

// rowsOnPage is the number of targets on one page of the index.
const rowsOnPage = 100

func parsePages() (*template.Template, error) {
	pages, err := template.ParseFS(pageFiles, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse pages: %w", err)
	}
	return pages, nil
}

// indexView is what the index page shows.
type indexView struct {
	ModeText   string
	Pause      models.PauseState
	PauseText  string
	NotReady   []string
	Rows       []rowView
	First      bool
	Next       string
	Summary    string
	Now        string
	Version    string
	ConfigHash string
}

// rowView is one target on the index page. All strings are untrusted; the template escapes them.
type rowView struct {
	ID, Group, Link          string
	Data, DataClass          string
	Invocations, Concurrency string
	Current, Desired         []string // one lever each
	Ready                    string
	Changes                  bool
	Status, StatusClass      string
	Price                    string
	Reasons                  []string
	Problems                 []string
}

// registerPages adds the pages for people.
func (s *server) registerPages() error {
	style, err := pageFiles.ReadFile("pages/style.css")
	if err != nil {
		return fmt.Errorf("read style: %w", err)
	}
	docs, err := s.renderDocs()
	if err != nil {
		return err
	}
	s.engine.GET(pathStyle, func(c *gin.Context) { c.Data(http.StatusOK, "text/css; charset=utf-8", style) })
	s.engine.GET(pathDocs, func(c *gin.Context) { c.Data(http.StatusOK, "text/html; charset=utf-8", docs) })
	s.engine.GET(pathIndex, s.index)
	return nil
}

func (s *server) index(c *gin.Context) {
	view, err := s.indexView(c.Query("cursor"))
	if err != nil {
		s.refuse(c, problemInvalid, err.Error())
		return
	}
	var b bytes.Buffer
	if err := s.pages.ExecuteTemplate(&b, "index.html", view); err != nil {
		s.log.ErrorContext(c.Request.Context(), "page not rendered", "error", err)
		s.refuse(c, problemInternal, "the page could not be rendered; the log has the reason")
		return
	}
	c.Data(http.StatusOK, "text/html; charset=utf-8", b.Bytes())
}

func (s *server) indexView(cursor string) (indexView, error) {
	all := s.deps.Fleet.Targets()
	page, next, err := pageOfTargets(all, &Page{Limit: rowsOnPage, Cursor: cursor}, func(*models.TargetStatus) bool { return true })
	if err != nil {
		return indexView{}, err
	}
	_, hash := s.deps.Admin.ConfigYAML()
	view := indexView{
		ModeText: modeText(s.deps.Admin.Mode()), Pause: s.deps.Control.PauseState(), NotReady: s.deps.Admin.Ready(),
		First: cursor == "", Next: next, Now: s.deps.Now().UTC().Format(timeLayout), Version: s.deps.Version,
		ConfigHash: hash,
	}
	if p := view.Pause; p.Paused {
		view.PauseText = "since " + p.Since.UTC().Format(timeLayout) + " by " + p.By
		if p.Note != "" {
			view.PauseText += " (" + p.Note + ")"
		}
	}
	view.Summary = summary(all)
	for i := range page {
		view.Rows = append(view.Rows, rowOf(&page[i]))
	}
	return view, nil
}

// summary says in one line how the fleet is.
func summary(all []models.TargetStatus) string {
	changes, pending, blind := 0, 0, 0
	for i := range all {
		s := &all[i]
		if s.Data != models.DataFresh {
			blind++
		}
		if s.Latest == nil || !s.Latest.Decision.Changes() {
			continue
		}
		changes++
		if s.Latest.Status == models.StatusPending {
			pending++
		}
	}
	return fmt.Sprintf("Targets: %d. Changes recommended: %d, of which waiting for approval: %d. Without fresh data: %d.",
		len(all), changes, pending, blind)
}

// timeLayout is how times are shown to people.
const timeLayout = "2006-01-02 15:04:05 UTC"

// modeText explains a mode.
func modeText(m models.Mode) string {
	switch m {
	case models.ModeDryRun:
		return "dry-run: recommends, never writes"
	case models.ModeApprove:
		return "approve: writes what an operator approved"
	case models.ModeAuto:
		return "auto: writes by itself"
	}
	return string(m)
}

func rowOf(s *models.TargetStatus) rowView {
	row := rowView{
		ID: string(s.Target.ID), Group: s.Target.Group, Link: "api/v1/targets/" + url.PathEscape(string(s.Target.ID)),
		Data: string(s.Data), DataClass: dataClass(s.Data), Invocations: figure(s.Invocations), Concurrency: figure(s.Concurrency),
		Current: []string{"unknown"}, Problems: s.Problems,
	}
	if s.Observed {
		row.Current = levers(s.Observation.Capacity)
		if s.Observation.Ready >= 0 {
			row.Ready = strconv.Itoa(s.Observation.Ready) + " ready"
		}
		if s.Observation.Pending {
			row.Ready += " (change under way)"
		}
	}
	if s.Latest == nil {
		return row
	}
	d := &s.Latest.Decision
	row.Changes = d.Changes()
	row.Desired = []string{"hold"}
	if d.Desired.Levers() != 0 {
		row.Desired = levers(d.Desired)
	}
	row.Status, row.StatusClass = statusText(s.Latest.Status)
	if usd := d.Price.USDPerHour; usd > 0 && !math.IsInf(usd, 0) {
		row.Price = "$" + strconv.FormatFloat(usd, 'g', 3, 64) + " an hour"
	}
	for _, r := range d.Reasons {
		row.Reasons = append(row.Reasons, r.String())
	}
	return row
}

// levers renders the levers that are set, one by one.
func levers(c models.Capacity) []string { return strings.Split(c.String(), ", ") }

// figure renders a number for people; NaN is unknown.
func figure(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "unknown"
	}
	if math.Abs(v) >= 1000 {
		return strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

func dataClass(d models.DataState) string {
	switch d {
	case models.DataFresh:
		return "good"
	case models.DataStale:
		return "warn"
	case models.DataMissing:
		return "bad"
	}
	return ""
}

// statusText explains a status, and how to show it.
func statusText(s models.RecommendationStatus) (text, class string) {
	switch s {
	case models.StatusNone:
		return "no change needed", "soft"
	case models.StatusAdvised:
		return "advised", ""
	case models.StatusPending:
		return "waits for approval", "warn"
	case models.StatusApproved:
		return "approved", ""
	case models.StatusRejected:
		return "rejected", "soft"
	case models.StatusApplied:
		return "applied", "good"
	case models.StatusFailed:
		return "failed", "bad"
	case models.StatusExpired:
		return "expired", "soft"
	}
	return string(s), ""
}
