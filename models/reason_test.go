package models

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// declaredCodes reads the constants of type ReasonCode from the source: name to value.
func declaredCodes(t *testing.T) map[string]ReasonCode {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "reasoncodes.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]ReasonCode{}
	for _, d := range file.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.CONST {
			continue
		}
		for _, s := range decl.Specs {
			value, ok := s.(*ast.ValueSpec)
			if !ok {
				continue
			}
			for i, name := range value.Names {
				lit, ok := value.Values[i].(*ast.BasicLit)
				if !ok {
					t.Fatalf("%s is no literal", name)
				}
				text, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				codes[name.Name] = ReasonCode(text)
			}
		}
	}
	return codes
}

func TestReasonCodesAreComplete(t *testing.T) {
	t.Parallel()
	declared := declaredCodes(t)
	if len(declared) < 20 {
		t.Fatalf("found only %d codes in the source", len(declared))
	}
	byCode, byMeaning := map[ReasonCode]string{}, map[string]string{}
	for name, code := range declared {
		meaning := code.Meaning()
		switch {
		case !strings.HasPrefix(name, "Reason"):
			t.Errorf("%s does not begin with Reason", name)
		case meaning == "":
			t.Errorf("%s (%s) has no meaning", name, code)
		case byCode[code] != "":
			t.Errorf("%s and %s have the same code %q", name, byCode[code], code)
		case byMeaning[meaning] != "":
			t.Errorf("%s and %s have the same meaning", name, byMeaning[meaning])
		case strings.ToLower(string(code)) != string(code) || strings.Trim(string(code), "abcdefghijklmnopqrstuvwxyz_0123456789") != "":
			t.Errorf("%s is %q: use lower case and underscores", name, code)
		}
		byCode[code], byMeaning[meaning] = name, name
	}
	for _, code := range ReasonCodes() {
		if byCode[code] == "" {
			t.Errorf("%q has a meaning but no constant", code)
		}
	}
	if !slices.IsSorted(ReasonCodes()) || len(ReasonCodes()) != len(declared) {
		t.Errorf("ReasonCodes has %d codes, the source %d", len(ReasonCodes()), len(declared))
	}
}

func TestReasonString(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]Reason{
		"raised to the lower bound (min warm 2, was 1.5)": Because(ReasonMinBound, Num("min_warm", 2), Num("was", 1.5)),
		"Pilotlight is paused":                            Because(ReasonPaused),
		"brand_new: why":                                  {Code: "brand_new", Detail: "why"},
		"Pilotlight is paused (n NaN): x":                 {Code: ReasonPaused, Numbers: []Number{Num("n", math.NaN())}, Detail: "x"},
	} {
		if got := r.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	r := Because(ReasonMinBound, Num("a", 1), Num("b", 2))
	if v, ok := r.Number("b"); v != 2 || !ok {
		t.Errorf("Number(b) = %v, %v", v, ok)
	}
	if _, ok := r.Number("c"); ok {
		t.Error("Number found what is not there")
	}
}

func TestReasonJSON(t *testing.T) {
	t.Parallel()
	r := Because(ReasonMaxBound, Num("z", 1), Num("a", math.NaN()), Num("b\"\n", 3), Num("a", math.Inf(1)))
	r.Detail = "<script>"
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), `"numbers":{"z":1,"a":null,"b\"\n":3,"a":null}`) {
		t.Errorf("order or numbers are lost in %s", data)
	}
	var back Reason
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	want := Reason{Code: ReasonMaxBound, Numbers: []Number{Num("z", 1), Num("b\"\n", 3)}, Detail: "<script>"}
	if diff := cmp.Diff(want, back); diff != "" {
		t.Errorf("came back (-want +got):\n%s", diff)
	}
	for _, bad := range []string{`{"code":"paused","numbers":[1,2]}`, `{"code":"paused","numbers":7}`, `{"code":"paused","numbers":"x"}`, `{"code":"paused","numbers":{"a":"b"}}`, `{"code":1}`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s was accepted as %+v", bad, back)
		}
	}
	if err := json.Unmarshal([]byte(`{"code":"paused","numbers":[1]}`), &back); !errors.Is(err, ErrInvalid) {
		t.Errorf("error %v, want ErrInvalid", err)
	}
	if err := json.Unmarshal([]byte(`{"code":"paused","numbers":null}`), &back); err != nil || len(back.Numbers) != 0 {
		t.Errorf("null numbers: %+v, %v", back, err)
	}
}

func TestReasonJSONRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := Reason{Code: ReasonCode(rapid.String().Draw(t, "code")), Detail: rapid.String().Draw(t, "detail")}
		for range rapid.IntRange(0, 5).Draw(t, "n") {
			r.Numbers = append(r.Numbers, Num(rapid.String().Draw(t, "name"), rapid.Float64Range(-1e300, 1e300).Draw(t, "value")))
		}
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back Reason
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, back, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("came back (-want +got):\n%s", diff)
		}
	})
}

func FuzzReasonJSON(f *testing.F) {
	for _, seed := range []string{`{"code":"paused","numbers":{"a":1,"b":null}}`, `{"numbers":[1]}`, `null`, `{"code":"x","numbers":{"a":{}}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r, back Reason
		if json.Unmarshal(data, &r) != nil {
			return
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatalf("%s cannot be written back: %v", data, err)
		}
		if err := json.Unmarshal(again, &back); err != nil {
			t.Fatalf("%s was written as %s: %v", data, again, err)
		}
		if diff := cmp.Diff(r, back, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s came back (-want +got):\n%s", data, diff)
		}
	})
}
