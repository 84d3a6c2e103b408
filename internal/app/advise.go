package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"pilotlight/api"
)

// AdviseOptions are the flags of advise.
type AdviseOptions struct {
	HintsOptions
	// Text is what is known about the load; ShowPrompt sends nothing and prints what would be sent.
	Text       string
	ShowPrompt bool
}

// Advise asks for advice and prints what came of it, or prints what would leave the process.
func Advise(ctx context.Context, stdio IO, o AdviseOptions) error {
	c, err := o.client(stdio)
	if err != nil {
		return err
	}
	if o.ShowPrompt {
		if o.Text != "" {
			return fmt.Errorf("%w: --show-prompt shows what the daemon asks by itself; leave --text out", ErrUsage)
		}
		var p api.AdvisorPrompt
		if err := c.call(ctx, http.MethodGet, "/api/v1/advisor/prompt", nil, "", nil, &p); err != nil {
			return err
		}
		if o.Output == "json" {
			return printJSON(stdio.Out, p)
		}
		_, err := fmt.Fprint(stdio.Out, p.Text)
		return err
	}
	var record api.AdviceRecord
	if err := c.post(ctx, "/api/v1/advisor/advise", api.AdviseOrder{Text: o.Text}, &record); err != nil {
		return err
	}
	if o.Output == "json" {
		return printJSON(stdio.Out, record)
	}
	return adviceTable(stdio.Out, &record)
}

// post sends a body and decodes the answer.
func (c *client) post(ctx context.Context, path string, body, out any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodPost, path, nil, "application/json", data, out)
}

// adviceTable prints what came of a request for advice.
func adviceTable(w io.Writer, r *api.AdviceRecord) error {
	if r.Error != "" {
		return fmt.Errorf("there is no advice: %s", plainOrQuoted(r.Error))
	}
	all := make([]api.HintStatus, len(r.Kept))
	for i := range r.Kept {
		all[i] = api.HintStatus{Hint: r.Kept[i], Next: []api.Occurrence{{Start: r.Kept[i].Start, End: r.Kept[i].End}}}
	}
	if len(all) == 0 {
		fmt.Fprintln(w, "The advisor advises nothing.")
	} else if err := hintsTable(w, all); err != nil {
		return err
	}
	for _, d := range r.Dropped {
		fmt.Fprintf(w, "note: %s\n", plainOrQuoted(d))
	}
	_, err := fmt.Fprintf(w, "%d requests, %d tokens in, %d out, $%.4f. It counts for what the advisor has earned: see pilotlight advisor report.\n",
		r.Attempts, r.TokensIn, r.TokensOut, r.USD)
	return err
}

// AdvisorReport prints what came of hints and advice.
func AdvisorReport(ctx context.Context, stdio IO, o HintsOptions) error {
	c, err := o.client(stdio)
	if err != nil {
		return err
	}
	var r api.AdvisorReport
	if err := c.call(ctx, http.MethodGet, "/api/v1/advisor", nil, "", nil, &r); err != nil {
		return err
	}
	if o.Output == "json" {
		return printJSON(stdio.Out, r)
	}
	return reportTable(stdio.Out, &r)
}

// reportTable prints the record of the advisor for people.
func reportTable(w io.Writer, r *api.AdvisorReport) error {
	switch {
	case !r.Enabled:
		fmt.Fprintln(w, "There is no advisor; the hints of people are scored.")
	case r.LastAsked == nil:
		fmt.Fprintf(w, "Advisor %s, model %s: not asked yet.\n", plainOrQuoted(r.Name), plainOrQuoted(r.Model))
	default:
		fmt.Fprintf(w, "Advisor %s, model %s, last asked %s.\n", plainOrQuoted(r.Name), plainOrQuoted(r.Model), r.LastAsked.UTC().Format(time.RFC3339))
	}
	if r.LastError != "" {
		fmt.Fprintf(w, "The last answer could not be used: %s\n", plainOrQuoted(r.LastError))
	}
	if len(r.Scores) == 0 {
		fmt.Fprintln(w, "Nothing has been scored yet: that begins with the first event of a hint.")
	} else {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "SOURCE\tKIND\tSTATE\tWEIGHT\tEVENTS\tCOLD STARTS\tWITHOUT\tIDLE GB-S\tWITHOUT\tSAVED $\tIN FULL $")
		for i := range r.Scores {
			s := &r.Scores[i]
			state, weight := s.State, fmt.Sprintf("%.2f", s.Weight)
			if !r.Enabled || s.Source != r.Name {
				state, weight = "people", "1"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%.0f\t%.0f\t%.0f\t%.0f\t%.4f\t%.4f\n", plainOrQuoted(s.Source), s.Kind, state, weight, s.Events,
				s.ColdStartsWith, s.ColdStartsWithout, s.IdleWith, s.IdleWithout, s.EarnedUSD, s.BenefitUSD)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	for _, p := range r.Patterns {
		verdict := "refused"
		if p.Accepted {
			verdict = "accepted"
		}
		fmt.Fprintf(w, "pattern of %s, %s: %s: %s\n", plainOrQuoted(p.Target), patternText(&p), verdict, p.Why)
	}
	_, err := fmt.Fprintf(w, "Today (UTC): %d requests, %d tokens in, %d out, $%.4f. In all the advice has cost $%.4f and saved $%.4f; in full it would have saved $%.4f.\n",
		r.Today.Requests, r.Today.TokensIn, r.Today.TokensOut, r.Today.USD, r.CostUSD, r.EarnedUSD, r.BenefitUSD)
	return err
}

func patternText(p *api.PatternTrial) string {
	var parts []string
	if p.Member != "" {
		parts = append(parts, "forecaster "+plainOrQuoted(p.Member))
	}
	if p.Period != 0 {
		parts = append(parts, fmt.Sprintf("period of %d steps", p.Period))
	}
	return strings.Join(parts, ", ")
}

// ParseHintsOptions are the flags of hints parse.
type ParseHintsOptions struct {
	HintsOptions
	Text, TimeZone string
	// Yes confirms the proposal without asking.
	Yes bool
}

// ParseHints has a text read, shows what it seems to mean, and puts that into force once it is confirmed.
func ParseHints(ctx context.Context, stdio IO, o ParseHintsOptions) error {
	c, err := o.client(stdio)
	if err != nil {
		return err
	}
	var p api.HintProposal
	if err := c.post(ctx, hintsPath+"/parse", api.ParseOrder{Text: o.Text, TimeZone: o.TimeZone}, &p); err != nil {
		return err
	}
	if o.Output == "json" && !o.Yes {
		return printJSON(stdio.Out, p)
	}
	if o.Output != "json" {
		if err := proposalTable(stdio.Out, &p); err != nil {
			return err
		}
	}
	if len(p.Hints) == 0 {
		return errors.New("the text announces nothing that the advisor understands; say which targets, when, and how much")
	}
	if !o.Yes && !confirmed(stdio) {
		_, err := fmt.Fprintf(stdio.Out, "Nothing is in force. POST %s/proposals/%s/confirm puts it into force until %s.\n", hintsPath, p.ID, p.Expires.UTC().Format(time.RFC3339))
		return err
	}
	var done api.Confirmed
	if err := c.call(ctx, http.MethodPost, hintsPath+"/proposals/"+url.PathEscape(p.ID)+"/confirm", nil, "", nil, &done); err != nil {
		return err
	}
	if o.Output == "json" {
		return printJSON(stdio.Out, done)
	}
	_, err = fmt.Fprintf(stdio.Out, "%d hints are in force.\n", len(done.Items))
	return err
}

// proposalTable prints a proposal for people.
func proposalTable(w io.Writer, p *api.HintProposal) error {
	all := make([]api.HintStatus, len(p.Hints))
	for i := range p.Hints {
		h := p.Hints[i]
		if h.ID == "" {
			h.ID = strconv.Itoa(i + 1)
		}
		all[i] = api.HintStatus{Hint: h, Next: []api.Occurrence{{Start: h.Start, End: h.End}}}
	}
	if err := hintsTable(w, all); err != nil {
		return err
	}
	for _, text := range p.Questions {
		fmt.Fprintf(w, "question: %s\n", plainOrQuoted(text))
	}
	for _, text := range append(p.Clipped, p.Dropped...) {
		fmt.Fprintf(w, "note: %s\n", plainOrQuoted(text))
	}
	return nil
}

// confirmed asks whoever sits at the terminal.
func confirmed(stdio IO) bool {
	if stdio.In == nil {
		return false
	}
	fmt.Fprint(stdio.Out, "Put this into force? [y/N] ")
	line, _ := bufio.NewReader(stdio.In).ReadString('\n') // no answer is no
	fmt.Fprintln(stdio.Out)
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}

// ExplainOptions are the flags of explain.
type ExplainOptions struct {
	HintsOptions
	Target, Question string
}

// Explain prints why the capacity of a target is as it is.
func Explain(ctx context.Context, stdio IO, o ExplainOptions) error {
	c, err := o.client(stdio)
	if err != nil {
		return err
	}
	query := url.Values{}
	setQuery(query, "question", o.Question)
	var n api.Narrative
	if err := c.call(ctx, http.MethodGet, "/api/v1/targets/"+url.PathEscape(o.Target)+"/explanation", query, "", nil, &n); err != nil {
		return err
	}
	if o.Output == "json" {
		return printJSON(stdio.Out, n)
	}
	for _, s := range n.Sentences {
		fmt.Fprintf(stdio.Out, "%s [%s]\n", plainOrQuoted(s.Text), plainOrQuoted(strings.Join(s.Facts, "; ")))
	}
	if n.Problem != "" {
		fmt.Fprintf(stdio.Out, "These are the reasons as they are recorded, since the advisor did not put them into words: %s\n", plainOrQuoted(n.Problem))
	}
	return nil
}

// NoteOptions are the flags of notes add.
type NoteOptions struct {
	HintsOptions
	Kind, Target, Group, Text, At string
}

const notesPath = "/api/v1/notes"

// AddNote notes what happened.
func AddNote(ctx context.Context, stdio IO, o NoteOptions) error {
	c, err := o.client(stdio)
	if err != nil {
		return err
	}
	note := api.NoteOrder{Kind: o.Kind, Target: o.Target, Group: o.Group, Text: o.Text}
	if o.At != "" {
		if note.At, err = hintTime("at", o.At, ""); err != nil {
			return err
		}
	}
	return c.post(ctx, notesPath, api.NotesOrder{Notes: []api.NoteOrder{note}}, nil)
}

// ListNotes prints what happened of late.
func ListNotes(ctx context.Context, stdio IO, o HintsOptions) error {
	c, err := o.client(stdio)
	if err != nil {
		return err
	}
	var all api.NoteList
	if err := c.call(ctx, http.MethodGet, notesPath, nil, "", nil, &all); err != nil {
		return err
	}
	if o.Output == "json" {
		return printJSON(stdio.Out, all)
	}
	t := tabwriter.NewWriter(stdio.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "AT\tKIND\tABOUT\tTEXT")
	for _, n := range all.Items {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", n.At.UTC().Format(time.RFC3339), plainOrQuoted(n.Kind), plainOrQuoted(n.Target+n.Group), plainOrQuoted(n.Text))
	}
	return t.Flush()
}
