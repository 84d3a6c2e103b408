package awslambda

import (
	"fmt"
	"regexp"
	"strings"

	"pilotlight/models"
)

// refPattern takes a reference apart: the region of an ARN, name and qualifier. The parts follow the patterns of FunctionName and
// Qualifier in the API model.
var refPattern = regexp.MustCompile(
	`^(?:(?:arn:aws[a-zA-Z-]*:lambda:([a-z]{2}(?:-gov)?-[a-z]+-[0-9]):)?[0-9]{12}:function:|function:)?` +
		`([a-zA-Z0-9_-]{1,64}):([a-zA-Z0-9_$-]{1,128})$`)

// latest is the qualifier of the unpublished version.
const latest = "$LATEST"

// ref names a version or alias of a function.
type ref struct {
	// function is the name, or the ARN without qualifier.
	function  string
	qualifier string
	// region is that of the ARN, "" if only a name was given.
	region string
}

// parseRef reads function:alias, function:version, or an ARN with either at its end.
func parseRef(text string) (ref, error) {
	m := refPattern.FindStringSubmatch(text)
	if m == nil {
		if !strings.Contains(text, ":") || strings.HasPrefix(text, "arn:") {
			return ref{}, fmt.Errorf("ref %q: write function:alias or function:version, or an ARN that ends in one, "+
				"since provisioned concurrency belongs to an alias or version: %w", text, models.ErrInvalid)
		}
		return ref{}, fmt.Errorf("ref %q is not function:alias, function:version or an ARN that ends in one: %w", text, models.ErrInvalid)
	}
	r := ref{function: strings.TrimSuffix(text, ":"+m[3]), qualifier: m[3], region: m[1]}
	switch {
	case r.qualifier == latest:
		return ref{}, fmt.Errorf("ref %q: %s cannot have provisioned concurrency; publish a version, point an alias at it and use "+
			"function:alias: %w", text, latest, models.ErrInvalid)
	case strings.Contains(r.qualifier, "$"):
		return ref{}, fmt.Errorf("ref %q: an alias has no $: %w", text, models.ErrInvalid)
	}
	return r, nil
}

// isAlias reports whether the qualifier is an alias, which is never a number.
func (r ref) isAlias() bool { return strings.Trim(r.qualifier, "0123456789") != "" }

// String renders the reference as it was written.
func (r ref) String() string { return r.function + ":" + r.qualifier }
