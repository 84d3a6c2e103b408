package api

import (
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"pilotlight/models"
)

// cursorKind keeps the cursors of different lists apart.
type cursorKind string

// The kinds of cursors, each followed by the last key of the page before.
const (
	cursorTarget cursorKind = "t"
	cursorSaving cursorKind = "s"
	cursorEvent  cursorKind = "e"
	cursorHint   cursorKind = "h"
)

// encodeCursor makes a cursor. It names the last item seen, not a position, so a list that changes meanwhile neither repeats
// nor skips the items that stay.
func encodeCursor(kind cursorKind, last string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(string(kind) + last))
}

// decodeCursor returns the last item of the page before; "" is the beginning.
func decodeCursor(kind cursorKind, cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	last, ours := strings.CutPrefix(string(text), string(kind))
	if err != nil || !ours || last == "" || encodeCursor(kind, last) != cursor {
		return "", invalid("query.cursor", "this is not a cursor of this list; begin without one")
	}
	return last, nil
}

// decodeSeqCursor returns the place in the journal a cursor stands for; 0 is the end of the journal.
func decodeSeqCursor(cursor string) (uint64, error) {
	text, err := decodeCursor(cursorEvent, cursor)
	if err != nil || text == "" {
		return 0, err
	}
	seq, err := strconv.ParseUint(text, 10, 64)
	if err != nil || seq == 0 || strconv.FormatUint(seq, 10) != text {
		return 0, invalid("query.cursor", "this is not a cursor of this list; begin without one")
	}
	return seq, nil
}

// Page is the part of a list that a request asks for.
type Page struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"The greatest number of items to return."`
	Cursor string `query:"cursor" maxLength:"512" doc:"Where to go on: the next of the page before. Without it the list begins."`

	query url.Values
}

// Resolve implements huma.Resolver: it keeps the query for the link to the next page.
func (p *Page) Resolve(ctx huma.Context) []error {
	u := ctx.URL()
	p.query = u.Query()
	return nil
}

// link returns the value of the Link header for the page after a cursor, "" if there is none. It is relative, so that it also
// holds behind a proxy that serves the API under another path.
func (p *Page) link(next string) string {
	if next == "" {
		return ""
	}
	query := maps.Clone(p.query)
	if query == nil {
		query = url.Values{}
	}
	query.Set("cursor", next)
	return "<?" + query.Encode() + `>; rel="next"`
}

// pageOfTargets returns up to limit statuses after the last one seen, of those to keep, and the cursor of the next page.
func pageOfTargets(all []models.TargetStatus, p *Page, keep func(*models.TargetStatus) bool) ([]models.TargetStatus, string, error) {
	last, err := decodeCursor(cursorTarget, p.Cursor)
	if err != nil {
		return nil, "", err
	}
	at, found := slices.BinarySearchFunc(all, last, func(s models.TargetStatus, id string) int {
		return strings.Compare(string(s.Target.ID), id)
	})
	if found {
		at++
	}
	var page []models.TargetStatus
	for i := range all[at:] {
		status := &all[at+i]
		if !keep(status) {
			continue
		}
		if len(page) == p.Limit {
			return page, encodeCursor(cursorTarget, string(page[len(page)-1].Target.ID)), nil
		}
		page = append(page, *status)
	}
	return page, "", nil
}
