package trace

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"pilotlight/models"
)

const (
	functionsHeader   = "function,app,trigger,avg_ms,p50_ms,p99_ms,memory_mb,cold_start_ms"
	maxFunctionsBytes = 1 << 28
)

// readFunctions reads functions.csv.
func readFunctions(r io.Reader) ([]Function, error) {
	limited := &io.LimitedReader{R: r, N: maxFunctionsBytes}
	in := csv.NewReader(limited)
	in.ReuseRecord = true
	in.FieldsPerRecord = strings.Count(functionsHeader, ",") + 1
	if err := readFunctionsHeader(in); err != nil {
		return nil, err
	}
	lines := map[string]int{}
	var functions []Function
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, csvError(err)
		}
		line, _ := in.FieldPos(0)
		f, err := parseFunction(record)
		if err != nil {
			return nil, &lineError{line, err}
		}
		if at := lines[f.Name]; at > 0 {
			return nil, &lineError{line, fmt.Errorf("function %q was already in line %d; keep one: %w", f.Name, at, models.ErrInvalid)}
		}
		if len(functions) == maxFunctions {
			return nil, &lineError{line, fmt.Errorf("more than %d functions; split the trace: %w", maxFunctions, models.ErrInvalid)}
		}
		lines[f.Name] = line
		functions = append(functions, f)
	}
	if limited.N == 0 {
		return nil, fmt.Errorf("more than %d bytes; split the trace: %w", maxFunctionsBytes, models.ErrInvalid)
	}
	return functions, nil
}

func readFunctionsHeader(in *csv.Reader) error {
	record, err := in.Read()
	if err != nil {
		return csvError(err)
	}
	if got := strings.Join(record, ","); got != functionsHeader {
		return &lineError{1, fmt.Errorf("the header is %.200q, want %q: %w", got, functionsHeader, models.ErrInvalid)}
	}
	return nil
}

// csvError gives an error of encoding/csv its line.
func csvError(err error) error {
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		return &lineError{parse.Line, fmt.Errorf("%w; want the columns %s: %w", parse.Err, functionsHeader, models.ErrInvalid)}
	}
	if errors.Is(err, io.EOF) {
		return &lineError{1, fmt.Errorf("the file is empty, want the header %s: %w", functionsHeader, models.ErrInvalid)}
	}
	return err
}

// parseFunction reads and checks one row of functions.csv.
func parseFunction(record []string) (Function, error) {
	columns := strings.Split(functionsHeader, ",")
	f := Function{
		Name: strings.Clone(record[0]), App: strings.Clone(record[1]), Trigger: strings.Clone(record[2]), ColdStartMS: Unknown,
	}
	for i, to := range []*float64{3: &f.AvgMS, 4: &f.P50MS, 5: &f.P99MS, 6: &f.MemoryMB, 7: &f.ColdStartMS} {
		if to == nil {
			continue
		}
		text := record[i]
		if optional := i == 4 || i == 5 || i == 7; optional && text == "" {
			continue
		}
		value, err := strconv.ParseFloat(text, 64)
		if err != nil || value < 0 {
			return f, fmt.Errorf("%s of %q is %.100q, want a number of at least 0: %w", columns[i], f.Name, text, models.ErrInvalid)
		}
		*to = value
	}
	return f, f.validate()
}
