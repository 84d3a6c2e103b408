package models

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// ReasonCode names why a decision is what it is. The codes are part of the API: they are documented, and never renamed.
type ReasonCode string

// Number is a named figure behind a reason.
type Number struct {
	Name  string
	Value float64
}

// Num makes a Number.
func Num(name string, value float64) Number { return Number{Name: name, Value: value} }

// Reason explains one step of a decision: a code, and the numbers behind it in a fixed order.
type Reason struct {
	Code    ReasonCode
	Numbers []Number
	// Detail is free text for what numbers cannot say, such as an error. Untrusted; may be empty.
	Detail string
}

// Because makes a Reason.
func Because(code ReasonCode, numbers ...Number) Reason { return Reason{Code: code, Numbers: numbers} }

// Number returns the named figure, and whether the reason has it.
func (r Reason) Number(name string) (float64, bool) {
	for _, n := range r.Numbers {
		if n.Name == name {
			return n.Value, true
		}
	}
	return 0, false
}

// String renders the reason for people: the meaning of the code, then its numbers.
func (r Reason) String() string {
	var b strings.Builder
	if text := r.Code.Meaning(); text != "" {
		b.WriteString(text)
	} else {
		b.WriteString(string(r.Code))
	}
	for i, n := range r.Numbers {
		if i == 0 {
			b.WriteString(" (")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(strings.ReplaceAll(n.Name, "_", " "))
		b.WriteByte(' ')
		b.WriteString(strconv.FormatFloat(n.Value, 'g', 4, 64))
	}
	if len(r.Numbers) > 0 {
		b.WriteByte(')')
	}
	if r.Detail != "" {
		b.WriteString(": ")
		b.WriteString(r.Detail)
	}
	return b.String()
}

// reasonJSON is the wire form of a Reason.
type reasonJSON struct {
	Code    ReasonCode      `json:"code"`
	Text    string          `json:"text"`
	Numbers json.RawMessage `json:"numbers,omitempty"`
	Detail  string          `json:"detail,omitempty"`
}

// MarshalJSON implements json.Marshaler. Numbers become an object in their order; one that JSON cannot hold becomes null.
func (r Reason) MarshalJSON() ([]byte, error) {
	out := reasonJSON{Code: r.Code, Text: r.String(), Detail: r.Detail}
	if len(r.Numbers) > 0 {
		var b []byte
		for i, n := range r.Numbers {
			if i == 0 {
				b = append(b, '{')
			} else {
				b = append(b, ',')
			}
			name, err := json.Marshal(n.Name)
			if err != nil {
				return nil, fmt.Errorf("reason %s: %w", r.Code, err)
			}
			b = append(append(b, name...), ':')
			value, err := json.Marshal(n.Value)
			if err != nil {
				value = []byte("null")
			}
			b = append(b, value...)
		}
		out.Numbers = append(b, '}')
	}
	return json.Marshal(out)
}

// UnmarshalJSON implements json.Unmarshaler; the order of numbers is kept.
func (r *Reason) UnmarshalJSON(data []byte) error {
	var in reasonJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*r = Reason{Code: in.Code, Detail: in.Detail}
	if len(in.Numbers) == 0 || string(in.Numbers) == "null" {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(string(in.Numbers)))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return fmt.Errorf("reason %s: its numbers are no object: %w", in.Code, ErrInvalid)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var value *float64
		if err := d.Decode(&value); err != nil {
			return fmt.Errorf("reason %s: %w", in.Code, err)
		}
		text, ok := name.(string)
		if ok && value != nil {
			r.Numbers = append(r.Numbers, Num(text, *value))
		}
	}
	return nil
}
