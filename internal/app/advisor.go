package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"pilotlight/api"
)

const (
	advisorPath   = "/api/v1/advisor"
	proposalsPath = hintsPath + "/proposals/"
	notesPath     = "/api/v1/notes"
)

// post sends a value as JSON and decodes the answer into out, unless that is nil.
func (c *client) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodPost, path, nil, "application/json", body, out)
}

// AdviseOptions are the flags of advise.
type AdviseOptions struct {
	HintsOptions
	// Text is what the operator knows about the load to come.
	Text string
	// ShowPrompt only shows what would leave the process.
	ShowPrompt bool
}

// Advise asks the advisor now and prints what came of it, or what would be sent.
func Advise(ctx context.Context, stdio IO, o AdviseOptions) error {
	c, err := o.client(stdio)
	if err != nil {
		return err
	}
	if o.ShowPrompt {
		return showPrompt(ctx, stdio, c, &o)
	}
	var record api.AdviceRecord
	if err := c.post(ctx, advisorPath+"/advise", api.AdviseOrder{Text: o.Text}, &record); err != nil {
		return err
	}
	if o.Output == "json" {
		err = printJSON(stdio.Out, record)
	} else {
		err = adviceTable(stdio.Out, &record)
	}
	if err == nil && record.Error != "" {
		err = fmt.Errorf("there is no advice: %s", oneLine(record.Error))
	}
	return err
}

// showPrompt prints what would leave the process; the operator's text is no part of what is asked for by itself.
func showPrompt(ctx context.Context, stdio IO, c *client, o *AdviseOptions) error {
	if o.Text != "" {
		return fmt.Errorf("%w: --show-prompt shows what is asked for without --text; leave one of them out", ErrUsage)
	}
	var prompt api.AdvisorPrompt
	if err := c.call(ctx, http.MethodGet, advisorPath+"/prompt", nil, "", nil, &prompt); err != nil {
		return err
	}
	if o.Output == "json" {
		return printJSON(stdio.Out, prompt)
	}
	_, err := fmt.Fprintf(stdio.Out, "To %s, for %s (nothing was sent):\n\n%s\n", oneLine(prompt.Endpoint), oneLine(prompt.Purpose), printable(prompt.Text))
	return err
}

// AdvisorReport prints what came of hints and advice.
func AdvisorReport(ctx context.Context, stdio IO, o HintsOptions) error {
	c, err := o.client(stdio)
	if err != nil {
		return err
	}
	var report api.AdvisorReport
	if err := c.call(ctx, http.MethodGet, advisorPath, nil, "", nil, &report); err != nil {
		return err
	}
	if o.Output == "json" {
		return printJSON(stdio.Out, report)
	}
	return reportTable(stdio.Out, &report)
}

// ParseHintsOptions are the flags of hints parse.
type ParseHintsOptions struct {
	HintsOptions
	// TimeZone is the IANA zone that the text means, Yes confirms what was understood without asking.
	TimeZone string
	Yes      bool
}

// ParseHints has hints read out of a text, shows them, and puts them into force if that is confirmed.
func ParseHints(ctx context.Context, stdio IO, o ParseHintsOptions, text string) error {
	return parseHints(ctx, stdio, o, text, isTerminal(stdio.In) && isTerminal(stdio.Out))
}

func parseHints(ctx context.Context, stdio IO, o ParseHintsOptions, text string, ask bool) error {
	c, err := o.client(stdio)
	if err != nil {
		return err
	}
	if strings.TrimSpace(text) == "" {
		return fmt.Errorf("%w: say what is known to come, such as \"Black Friday starts Thursday 20:00, expect 4x on checkout\"", ErrUsage)
	}
	var p api.HintProposal
	if err := c.post(ctx, hintsPath+"/parse", api.ParseOrder{Text: text, TimeZone: o.TimeZone}, &p); err != nil {
		return err
	}
	if o.Output == "json" && !o.Yes {
		return printJSON(stdio.Out, p)
	}
	if o.Output == "table" {
		if err := proposalTable(stdio.Out, &p); err != nil {
			return err
		}
	}
	switch {
	case len(p.Hints) == 0:
		return errors.New("the text announces nothing that could be put into force: say which targets, when, and how much")
	case o.Yes:
		return confirmHints(ctx, stdio, c, o.Output, p.ID)
	case !ask:
		_, err := fmt.Fprintf(stdio.Out, "Nothing is in force yet. Confirm it with: pilotlight hints confirm %s\n", oneLine(p.ID))
		return err
	}
	if !agreed(stdio) {
		_, err := fmt.Fprintln(stdio.Out, "Nothing is in force.")
		return err
	}
	return confirmHints(ctx, stdio, c, o.Output, p.ID)
}

// agreed asks whoever sits at the terminal.
func agreed(stdio IO) bool {
	if _, err := fmt.Fprint(stdio.Out, "Put this into force? [y/N] "); err != nil {
		return false
	}
	answer, _ := bufio.NewReader(stdio.In).ReadString('\n') // the end of the input is a no
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

// ConfirmHints puts the hints of a proposal into force.
func ConfirmHints(ctx context.Context, stdio IO, o HintsOptions, id string) error {
	c, err := o.client(stdio)
	if err != nil {
		return err
	}
	return confirmHints(ctx, stdio, c, o.Output, id)
}

func confirmHints(ctx context.Context, stdio IO, c *client, output, id string) error {
	var done api.Confirmed
	if err := c.call(ctx, http.MethodPost, proposalsPath+url.PathEscape(id)+"/confirm", nil, "", nil, &done); err != nil {
		return err
	}
	if output == "json" {
		return printJSON(stdio.Out, done.Items)
	}
	for i := range done.Items {
		if _, err := fmt.Fprintf(stdio.Out, "In force: %s\n", oneLine(done.Items[i].ID)); err != nil {
			return err
		}
	}
	return nil
}

// ExplainOptions are the flags of explain.
type ExplainOptions struct {
	HintsOptions
	// Question is what is to be explained, "" for why the capacity is as it is.
	Question string
}

// Explain prints why the capacity of a target is as it is.
func Explain(ctx context.Context, stdio IO, o ExplainOptions, target string) error {
	c, err := o.client(stdio)
	if err != nil {
		return err
	}
	query := url.Values{}
	setQuery(query, "question", o.Question)
	var n api.Narrative
	if err := c.call(ctx, http.MethodGet, "/api/v1/targets/"+url.PathEscape(target)+"/explanation", query, "", nil, &n); err != nil {
		return err
	}
	if o.Output == "json" {
		return printJSON(stdio.Out, n)
	}
	return narrativeText(stdio.Out, &n)
}

// AddNoteOptions are the flags of notes add.
type AddNoteOptions struct {
	HintsOptions
	At, Kind, Target, Group, Text string
}

// AddNote notes something that happened.
func AddNote(ctx context.Context, stdio IO, o AddNoteOptions) error {
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
	if err := c.post(ctx, notesPath, api.NotesOrder{Notes: []api.NoteOrder{note}}, nil); err != nil {
		return err
	}
	if o.Output == "json" {
		return printJSON(stdio.Out, map[string]int{"added": 1})
	}
	_, err = fmt.Fprintln(stdio.Out, "Noted.")
	return err
}

// ListNotes prints what happened of late.
func ListNotes(ctx context.Context, stdio IO, o HintsOptions) error {
	c, err := o.client(stdio)
	if err != nil {
		return err
	}
	var list api.NoteList
	if err := c.call(ctx, http.MethodGet, notesPath, nil, "", nil, &list); err != nil {
		return err
	}
	if o.Output == "json" {
		return printJSON(stdio.Out, list.Items)
	}
	return notesTable(stdio.Out, list.Items)
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }
