package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"pilotlight/api"
	"pilotlight/hints"
	"pilotlight/models"
)

const hintsPath = "/api/v1/hints"

// HintsOptions are the flags that all commands about hints have.
type HintsOptions struct {
	ServerOptions
	Output string
}

func (o *HintsOptions) validate() error {
	if o.Output != "table" && o.Output != "json" {
		return fmt.Errorf("%w: --output %q is not table or json", ErrUsage, o.Output)
	}
	return nil
}

// client checks the flags and returns who talks to the daemon.
func (o *HintsOptions) client(stdio IO) (*client, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	return newClient(stdio, o.ServerOptions)
}

// ListHintsOptions are the flags of hints list.
type ListHintsOptions struct {
	HintsOptions
	Target, At, Source string
}

// ListHints prints the hints in force.
func ListHints(ctx context.Context, stdio IO, o ListHintsOptions) error {
	c, err := o.client(stdio)
	if err != nil {
		return err
	}
	query := url.Values{"limit": {"1000"}}
	setQuery(query, "target", o.Target)
	setQuery(query, "source", o.Source)
	if o.At != "" {
		at, err := hintTime("at", o.At, "")
		if err != nil {
			return err
		}
		query.Set("at", at.Format(time.RFC3339))
	}
	all := []api.HintStatus{}
	for {
		var page api.HintList
		if err := c.call(ctx, http.MethodGet, hintsPath, query, "", nil, &page); err != nil {
			return err
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			break
		}
		query.Set("cursor", page.Next)
	}
	if o.Output == "json" {
		return printJSON(stdio.Out, all)
	}
	return hintsTable(stdio.Out, all)
}

// AddHintOptions are the flags of hints add.
type AddHintOptions struct {
	HintsOptions
	ID, Start, End, Recurrence, TimeZone, Reason string
	Duration                                     time.Duration
	Targets, Groups, Labels, Except              []string
	Multiplier                                   float64
	Floor                                        int
}

// AddHint puts a hint into force and prints when it takes place.
func AddHint(ctx context.Context, stdio IO, o AddHintOptions) error {
	c, err := o.client(stdio)
	if err != nil {
		return err
	}
	order, err := o.order()
	if err != nil {
		return err
	}
	body, err := json.Marshal(order)
	if err != nil {
		return err
	}
	var added api.HintStatus
	if err := c.call(ctx, http.MethodPost, hintsPath, nil, "application/json", body, &added); err != nil {
		return err
	}
	if o.Output == "json" {
		return printJSON(stdio.Out, added)
	}
	return hintsTable(stdio.Out, []api.HintStatus{added})
}

// order reads the flags, and checks what it says before it is sent.
func (o *AddHintOptions) order() (*api.HintOrder, error) {
	out := &api.HintOrder{ID: o.ID, Recurrence: o.Recurrence, TimeZone: o.TimeZone, Multiplier: o.Multiplier, Floor: o.Floor, Reason: o.Reason}
	if err := o.times(out); err != nil {
		return nil, err
	}
	labels, err := pairs("label", o.Labels)
	if err != nil {
		return nil, err
	}
	if o.Targets != nil || o.Groups != nil || labels != nil {
		out.Selector = &api.HintSelector{Targets: o.Targets, Groups: o.Groups, Labels: labels}
	}
	_, err = hints.Compile(models.Hint{
		Start: out.Start, End: out.End, Recurrence: out.Recurrence, TimeZone: out.TimeZone, Except: out.Except, Multiplier: out.Multiplier, Floor: out.Floor,
		Selector: models.HintSelector{Targets: o.Targets, Groups: o.Groups, Labels: labels}, Reason: out.Reason,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	return out, nil
}

// times reads when the event takes place.
func (o *AddHintOptions) times(out *api.HintOrder) (err error) {
	if out.Start, err = hintTime("start", o.Start, o.TimeZone); err != nil {
		return err
	}
	switch {
	case (o.End == "") == (o.Duration == 0):
		return fmt.Errorf("%w: give either --end or --duration", ErrUsage)
	case o.End != "":
		if out.End, err = hintTime("end", o.End, o.TimeZone); err != nil {
			return err
		}
	default:
		out.End = out.Start.Add(o.Duration)
	}
	for _, text := range o.Except {
		t, err := hintTime("except", text, o.TimeZone)
		if err != nil {
			return err
		}
		out.Except = append(out.Except, t)
	}
	return nil
}

// RemoveHints takes hints back.
func RemoveHints(ctx context.Context, stdio IO, o HintsOptions, ids []string) error {
	c, err := o.client(stdio)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return fmt.Errorf("%w: name the ids of the hints to remove; pilotlight hints list shows them", ErrUsage)
	}
	var errs []error
	removed := []string{}
	for _, id := range ids {
		if err := c.call(ctx, http.MethodDelete, hintsPath+"/"+url.PathEscape(id), nil, "", nil, nil); err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", id, err))
			continue
		}
		removed = append(removed, id)
	}
	if o.Output == "json" {
		err = printJSON(stdio.Out, map[string]any{"removed": removed})
	} else {
		_, err = fmt.Fprintf(stdio.Out, "%d of %d removed.\n", len(removed), len(ids))
	}
	return errors.Join(append(errs, err)...)
}

// ImportHintsOptions are the flags of hints import.
type ImportHintsOptions struct {
	HintsOptions
	Calendar, TimeZone                      string
	DryRun, Strict, Replace, IgnoreOwn      bool
	Multiplier                              float64
	Floor                                   int
	Targets, Groups, Categories, NamedZones []string
}

// ImportHints sends a calendar to the daemon and prints what came of it.
func ImportHints(ctx context.Context, stdio IO, o ImportHintsOptions, file string) error {
	c, err := o.client(stdio)
	if err != nil {
		return err
	}
	data, err := readCalendar(stdio, file)
	if err != nil {
		return err
	}
	if o.Calendar == "" && file != "-" {
		o.Calendar = strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	}
	var result api.ImportResult
	if err := c.call(ctx, http.MethodPost, hintsPath+"/import", o.query(), "text/calendar", data, &result); err != nil {
		return err
	}
	if o.Output == "json" {
		return printJSON(stdio.Out, result)
	}
	return importTable(stdio.Out, &result)
}

func (o *ImportHintsOptions) query() url.Values {
	q := url.Values{}
	setQuery(q, "calendar", o.Calendar)
	setQuery(q, "time_zone", o.TimeZone)
	for name, on := range map[string]bool{"dry_run": o.DryRun, "strict": o.Strict, "replace": o.Replace, "ignore_properties": o.IgnoreOwn} {
		if on {
			q.Set(name, "true")
		}
	}
	if o.Multiplier != 0 {
		q.Set("multiplier", strconv.FormatFloat(o.Multiplier, 'g', -1, 64))
	}
	if o.Floor != 0 {
		q.Set("floor", strconv.Itoa(o.Floor))
	}
	for name, list := range map[string][]string{"targets": o.Targets, "groups": o.Groups, "categories": o.Categories, "time_zones": o.NamedZones} {
		setQuery(q, name, strings.Join(list, ","))
	}
	return q
}

// readCalendar reads a file of a size that the API takes; - is the standard input.
func readCalendar(stdio IO, file string) ([]byte, error) {
	in := stdio.In
	if file != "-" {
		f, err := os.Open(file) //nolint:gosec // the user names the file
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // it was only read
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, hints.MaxCalendarBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", file, err)
	case len(data) > hints.MaxCalendarBytes:
		return nil, fmt.Errorf("%s is larger than %d MiB; export fewer events", file, hints.MaxCalendarBytes>>20)
	}
	return data, nil
}

func setQuery(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

func hintTime(flag, text, zone string) (time.Time, error) {
	t, err := hints.ParseTime(text, zone)
	if err != nil {
		return t, fmt.Errorf("%w: --%s: %w", ErrUsage, flag, err)
	}
	return t, nil
}

// pairs reads flags like name=value.
func pairs(flag string, list []string) (map[string]string, error) {
	var out map[string]string
	for _, text := range list {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%w: --%s %q is not like name=value", ErrUsage, flag, text)
		}
		if out == nil {
			out = map[string]string{}
		}
		out[name] = value
	}
	return out, nil
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
