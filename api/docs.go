package api

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// docsView is what the page about the API shows.
type docsView struct {
	Description string
	Groups      []groupView
	Problems    []problemView
}

// problemView is one kind of problem.
type problemView struct {
	Type, Title string
	Status      int
}

// groupView is the operations of one tag.
type groupView struct {
	Name       string
	Operations []operationView
}

// operationView is one operation.
type operationView struct {
	ID, Method, Path     string
	Summary, Description string
	Params               []paramView
	Body                 string
	Answers              string
}

// paramView is one parameter of an operation.
type paramView struct{ Name, In, Type, Meaning string }

// renderDocs renders the page about the API from its description, once.
func (s *server) renderDocs() ([]byte, error) {
	spec := s.api.OpenAPI()
	view := docsView{Description: spec.Info.Description}
	byTag := map[string][]operationView{}
	var tags []string
	for _, path := range slices.Sorted(maps.Keys(spec.Paths)) {
		item := spec.Paths[path]
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Delete} {
			if op == nil {
				continue
			}
			tag := op.Tags[0]
			if _, seen := byTag[tag]; !seen {
				tags = append(tags, tag)
			}
			byTag[tag] = append(byTag[tag], s.operationView(op))
		}
	}
	slices.Sort(tags)
	for _, tag := range tags {
		view.Groups = append(view.Groups, groupView{Name: tag, Operations: byTag[tag]})
	}
	for _, kind := range problemKinds() {
		view.Problems = append(view.Problems, problemView{Type: problemPrefix + kind.slug, Title: kind.title, Status: kind.status})
	}
	var b bytes.Buffer
	if err := s.pages.ExecuteTemplate(&b, "docs.html", view); err != nil {
		return nil, fmt.Errorf("render docs: %w", err)
	}
	return b.Bytes(), nil
}

func (s *server) operationView(op *huma.Operation) operationView {
	view := operationView{
		ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, Description: op.Description,
		Answers: strings.Join(slices.Sorted(maps.Keys(op.Responses)), ", "),
	}
	for _, p := range op.Parameters {
		view.Params = append(view.Params, paramView{Name: p.Name, In: p.In, Type: typeText(p.Schema), Meaning: p.Description})
	}
	if op.RequestBody != nil && op.Method == http.MethodPost {
		view.Body = bodyText(op)
	}
	return view
}

// bodyText renders what the body of an operation is.
func bodyText(op *huma.Operation) string {
	fields, _ := op.Metadata[metadataFields].(string)
	switch {
	case op.RequestBody.Content["application/json"] == nil:
		return strings.Join(slices.Sorted(maps.Keys(op.RequestBody.Content)), ", ")
	case fields == "note":
		return `{"note": "…"}, optional`
	case op.RequestBody.Required:
		return "JSON with " + fields
	default:
		return "JSON with " + fields + ", optional"
	}
}

// typeText renders the type of a parameter, such as "integer 1 to 1000, default 100".
func typeText(schema *huma.Schema) string {
	text := schema.Type
	if schema.Format == "date-time" {
		text = "time (RFC 3339)"
	}
	values := schema.Enum
	if schema.Items != nil {
		text, values = "list", schema.Items.Enum
	}
	if len(values) > 0 {
		names := make([]string, len(values))
		for i, v := range values {
			names[i] = fmt.Sprint(v)
		}
		text += " of " + strings.Join(names, ", ")
		if schema.Items == nil {
			text = "one of " + strings.Join(names, ", ")
		}
	}
	if schema.Minimum != nil && schema.Maximum != nil {
		text += fmt.Sprintf(" %v to %v", *schema.Minimum, *schema.Maximum)
	}
	if schema.Default != nil {
		text += fmt.Sprintf(", default %v", schema.Default)
	}
	return text
}
