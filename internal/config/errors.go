package config

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"pilotlight/models"
)

// maxProblemsShown bounds how many problems the text of an error lists, maxProblems how many are kept of each round.
const maxProblemsShown, maxProblems = 100, 10_000

// Problem is one thing that is wrong with a configuration.
type Problem struct {
	// File is the name of the configuration; "" for a part of one.
	File string
	// Path is where it is, such as targets[2].limits.max_warm; "" is the whole document.
	Path string
	// Line counts from 1; 0 is unknown.
	Line int
	// Text says what is wrong and what to do.
	Text string
}

// String renders the problem as file:line: path: text, leaving out what is unknown.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			b.WriteByte(':')
			b.WriteString(strconv.Itoa(p.Line))
		}
		b.WriteString(": ")
	} else if p.Line > 0 {
		b.WriteString("line ")
		b.WriteString(strconv.Itoa(p.Line))
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path)
		b.WriteString(": ")
	}
	b.WriteString(p.Text)
	return b.String()
}

// Errors is the error of a configuration that cannot be used: every problem that was found, in the order of the file.
// errors.Is(err, models.ErrInvalid) holds for it.
type Errors struct { //nolint:errname // it is a list of problems, and callers read it so
	Problems []Problem
	// More is how many problems there are beyond those, of a file with very many.
	More int
	// Cause is the error of reading the file, if that is what failed.
	Cause error
}

// Error implements error with one line for each problem.
func (e *Errors) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i == maxProblemsShown {
			fmt.Fprintf(&b, "and %d more problems", len(e.Problems)-i+e.More)
			break
		}
		b.WriteString(p.String())
	}
	return b.String()
}

// Unwrap returns models.ErrInvalid and the cause, if there is one.
func (e *Errors) Unwrap() []error {
	if e.Cause != nil {
		return []error{models.ErrInvalid, e.Cause}
	}
	return []error{models.ErrInvalid}
}

// problems collects what is wrong.
type problems struct {
	list []Problem
	more int
}

// add notes a problem.
func (ps *problems) add(path string, line int, format string, args ...any) {
	ps.keep(Problem{Path: path, Line: line, Text: fmt.Sprintf(format, args...)})
}

// keep notes a problem unless there are very many.
func (ps *problems) keep(p Problem) {
	if len(ps.list) >= maxProblems {
		ps.more++
		return
	}
	ps.list = append(ps.list, p)
}

// err returns the problems in the order of their lines as *Errors, or nil if there is none.
func (ps *problems) err(file string) error {
	if len(ps.list) == 0 {
		return nil
	}
	for i := range ps.list {
		ps.list[i].File = file
	}
	slices.SortStableFunc(ps.list, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return &Errors{Problems: slices.Compact(ps.list), More: ps.more}
}

// fieldMessage matches a message that begins with the path of a field, such as "step.up: 0 is below 1".
var fieldMessage = regexp.MustCompile(`^([a-z][a-z0-9_]*(?:\[[^\]]*\])?(?:\.[a-z][a-z0-9_]*(?:\[[^\]]*\])?)*)(: | )(.*)$`)

// addValidation notes an error of a Validate method as one problem for each error it joins. A message that begins with the
// path of a field is moved to that path below base; has says whether a field exists there.
func (ps *problems) addValidation(base string, err error, has func(field string) bool, line func(path string) int) {
	if err == nil {
		return
	}
	if multi, ok := err.(interface{ Unwrap() []error }); ok && isJoin(err) {
		for _, e := range multi.Unwrap() {
			ps.addValidation(base, e, has, line)
		}
		return
	}
	path, text := base, strings.TrimSuffix(err.Error(), ": "+models.ErrInvalid.Error())
	text = strings.ReplaceAll(text, "\n", "; ")
	if m := fieldMessage.FindStringSubmatch(text); m != nil && (m[2] == ": " || has(m[1])) {
		path, text = joinPath(base, m[1]), m[3]
	}
	ps.keep(Problem{Path: path, Line: line(path), Text: text})
}

// isJoin reports whether err is the plain join of several errors, as errors.Join makes it, and not one message that wraps
// several errors.
func isJoin(err error) bool {
	multi, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return false
	}
	parts := multi.Unwrap()
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = p.Error()
	}
	return err.Error() == strings.Join(texts, "\n")
}

// joinPath appends a field to a path.
func joinPath(base, field string) string {
	switch {
	case base == "":
		return field
	case field == "":
		return base
	default:
		return base + "." + field
	}
}
