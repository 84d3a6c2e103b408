package api

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"pilotlight/models"
)

type rightSizingInput struct {
	Page
	Group   string   `query:"group" maxLength:"256" doc:"Only targets of this application or owner."`
	Verdict []string `query:"verdict" nullable:"false" enum:"keep,lower,raise,learning" example:"[\"lower\",\"raise\"]" doc:"Only these verdicts, separated by commas."`
	Urgent  bool     `query:"urgent" doc:"Only targets that use nearly all their memory."`
}

type rightSizingOutput struct {
	Link string `header:"Link" doc:"The next page, with rel=next."`
	Body RightSizings
}

func (s *server) registerInsights() {
	register(s, huma.Operation{
		OperationID: "list-right-sizing", Method: http.MethodGet, Path: prefix + "/insights/right-sizing", Tags: []string{"Insights"},
		Summary: "List what the memory of targets should be",
		Description: "By the most memory that their instances have used, of all targets whose use is measured. Nothing of it is carried out " +
			"unless right_sizing.apply and the actuator allow it; then a recommendation or decision tells of it.",
	}, s.listRightSizing)
}

func (s *server) listRightSizing(_ context.Context, in *rightSizingInput) (*rightSizingOutput, error) {
	last, err := decodeCursor(cursorSaving, in.Cursor)
	if err != nil {
		return nil, err
	}
	after, err := parseSaving(last)
	if err != nil {
		return nil, err
	}
	all := s.deps.Fleet.Targets()
	all = slices.DeleteFunc(all, func(t models.TargetStatus) bool { return !in.keeps(&t) })
	slices.SortFunc(all, func(a, b models.TargetStatus) int { return savingOf(&a).compare(savingOf(&b)) })
	out := &rightSizingOutput{Body: RightSizings{Items: []TargetRightSizing{}, Count: len(all)}}
	for i := range all {
		out.Body.add(all[i].Sizing)
		key := savingOf(&all[i])
		switch {
		case last != "" && key.compare(after) <= 0 || out.Body.Next != "":
		case len(out.Body.Items) == in.Limit:
			// The first that has no room any more tells that there is another page.
			out.Body.Next = encodeCursor(cursorSaving, out.last())
		default:
			out.Body.Items = append(out.Body.Items, TargetRightSizing{
				Target: string(key.target), Group: all[i].Target.Group, RightSizing: toRightSizing(all[i].Sizing),
			})
		}
	}
	out.Link = in.link(out.Body.Next)
	return out, nil
}

// keeps reports whether a target is in the list that is asked for.
func (in *rightSizingInput) keeps(t *models.TargetStatus) bool {
	a := t.Sizing
	return a != nil && (in.Group == "" || t.Target.Group == in.Group) && (!in.Urgent || a.Urgent) &&
		(len(in.Verdict) == 0 || slices.Contains(in.Verdict, string(a.Verdict)))
}

// add adds an advice to the sums.
func (r *RightSizings) add(a *models.SizeAdvice) {
	if a.Urgent {
		r.Urgent++
	}
	if a.Verdict == models.SizeLower && !math.IsNaN(a.SavedUSD) {
		r.SavedUSD += a.SavedUSD
	}
}

// last returns the cursor text of the last item of the page.
func (o *rightSizingOutput) last() string {
	item := &o.Body.Items[len(o.Body.Items)-1]
	return saving{usd: float64(item.SavedUSD), target: models.TargetID(item.Target)}.String()
}

// saving is the place of a target in the list.
type saving struct {
	usd    float64
	target models.TargetID
}

func savingOf(t *models.TargetStatus) saving { return saving{t.Sizing.SavedUSD, t.Target.ID} }

// compare puts the greatest saving first and an unknown one last; targets that save the same are in the order of their ids.
func (s saving) compare(other saving) int {
	// NaN is less than any number to cmp.Compare.
	return cmp.Or(cmp.Compare(other.usd, s.usd), cmp.Compare(s.target, other.target))
}

// String is what a cursor says; it names the saving too, so that the list may change between pages.
func (s saving) String() string {
	return strconv.FormatFloat(s.usd, 'g', -1, 64) + " " + string(s.target)
}

// parseSaving reads what String has written; "" is the beginning.
func parseSaving(text string) (saving, error) {
	if text == "" {
		return saving{}, nil
	}
	number, target, found := strings.Cut(text, " ")
	usd, err := strconv.ParseFloat(number, 64)
	if err != nil || !found {
		return saving{}, invalid("query.cursor", "this is not a cursor of this list; begin without one")
	}
	return saving{usd, models.TargetID(target)}, nil
}
