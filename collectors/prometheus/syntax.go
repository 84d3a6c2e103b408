package prometheus

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"

	"pilotlight/models"
)

// newParser accepts every feature that a server may have switched on: whether it has is for the server to say.
func newParser() parser.Parser {
	return parser.NewParser(parser.Options{
		EnableExperimentalFunctions: true, ExperimentalDurationExpr: true,
		EnableExtendedRangeSelectors: true, EnableBinopFillModifiers: true,
	})
}

// checkSelector says what is wrong with extra label matchers.
func checkSelector(selector string, skip bool) error {
	selector = strings.TrimSpace(selector)
	if selector == "" || skip {
		return nil
	}
	if strings.ContainsAny(selector[:1], "{") {
		return fmt.Errorf("leave out the braces; write it like cluster=\"eu\",env=\"prod\": %w", models.ErrInvalid)
	}
	if _, err := newParser().ParseMetricSelector("up{" + strings.TrimRight(selector, ", ") + "}"); err != nil {
		return fmt.Errorf("is not a list of label matchers like cluster=\"eu\",env=\"prod\": %s: %w", clean(err.Error()),
			models.ErrInvalid)
	}
	return nil
}

// checkSyntax says what is wrong with an expanded query, or why its result cannot be told apart by the target id.
func checkSyntax(query, targetID string) error {
	expr, err := newParser().ParseExpr(query)
	if err != nil {
		return fmt.Errorf("is not PromQL: %s; correct it, or set dialect or skip_syntax_check: %w",
			clean(err.Error()), models.ErrInvalid)
	}
	if expr.Type() != parser.ValueTypeVector {
		return fmt.Errorf("gives a %s, not one value per function (an instant vector): %w", parser.DocumentedType(expr.Type()),
			models.ErrInvalid)
	}
	id, err := parseTemplate(targetID)
	if err != nil {
		return nil //nolint:nilerr // a wrong target_id is reported under its own path
	}
	grouping, known := outputLabels(expr)
	if !known {
		return nil
	}
	for _, label := range id.labels() {
		if !slices.Contains(grouping, label) {
			return fmt.Errorf("groups by (%s), but target_id needs the label %q; add it to by (...), or turn the signal off by an empty query: %w",
				strings.Join(grouping, ", "), label, models.ErrInvalid)
		}
	}
	return nil
}

// outputLabels returns the labels that the result of an expression can have at most, if that can be told from its form.
func outputLabels(expr parser.Expr) (labels []string, known bool) {
	switch e := expr.(type) {
	case *parser.ParenExpr:
		return outputLabels(e.Expr)
	case *parser.Call:
		if e.Func.Name != "histogram_quantile" || len(e.Args) != 2 {
			return nil, false
		}
		labels, known = outputLabels(e.Args[1])
		return slices.DeleteFunc(slices.Clone(labels), func(l string) bool { return l == "le" }), known
	case *parser.AggregateExpr:
		switch e.Op {
		case parser.TOPK, parser.BOTTOMK, parser.LIMITK, parser.LIMIT_RATIO, parser.COUNT_VALUES:
			return nil, false
		}
		return e.Grouping, !e.Without
	case *parser.BinaryExpr:
		return binaryLabels(e)
	}
	return nil, false
}

func binaryLabels(e *parser.BinaryExpr) (labels []string, known bool) {
	switch {
	case e.LHS.Type() != parser.ValueTypeVector:
		return outputLabels(e.RHS)
	case e.RHS.Type() != parser.ValueTypeVector:
		return outputLabels(e.LHS)
	case e.VectorMatching != nil && e.VectorMatching.Card == parser.CardOneToOne && !e.VectorMatching.On:
		return outputLabels(e.LHS)
	}
	return nil, false
}
