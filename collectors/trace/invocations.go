package trace

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"pilotlight/models"
)

const (
	invocationsHeader = "function,minute,count"
	maxLineBytes      = 1 << 12
)

// readInvocations reads invocations.csv.gz.
func readInvocations(r io.Reader, info Info, functions []Function) (*Trace, error) {
	b, err := newBuilder(info, functions)
	if err != nil {
		return nil, err
	}
	zip, err := gzip.NewReader(bufio.NewReader(r))
	if err != nil {
		return nil, fmt.Errorf("not a gzip file; compress it with gzip: %w: %w", err, models.ErrInvalid)
	}
	index := make(map[string]int, len(functions))
	for i := range functions {
		index[functions[i].Name] = i
	}
	in := bufio.NewReaderSize(zip, maxLineBytes)
	header, err := readLine(in)
	if err != nil {
		return nil, &lineError{1, invocationsError(err)}
	}
	if string(header) != invocationsHeader {
		return nil, &lineError{1, fmt.Errorf("the header is %.200q, want %q: %w", header, invocationsHeader, models.ErrInvalid)}
	}
	current := 0
	for line := 2; ; line++ {
		text, err := readLine(in)
		if errors.Is(err, io.EOF) {
			return b.finish(), nil
		}
		if err != nil {
			return nil, &lineError{line, invocationsError(err)}
		}
		if current, err = b.parse(text, current, index); err != nil {
			return nil, &lineError{line, err}
		}
	}
}

// readLine returns the next line without its end, valid until the next call. The error is io.EOF after the last line.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if err != nil && (len(line) == 0 || !errors.Is(err, io.EOF)) {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

func invocationsError(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the file is empty, want the header %s: %w", invocationsHeader, models.ErrInvalid)
	case errors.Is(err, bufio.ErrBufferFull):
		return fmt.Errorf("the line is longer than %d bytes: %w", maxLineBytes, models.ErrInvalid)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the file ends in the middle of the compressed data; copy it again: %w: %w", err, models.ErrInvalid)
	}
	return fmt.Errorf("%w: %w", err, models.ErrInvalid)
}

// parse adds the row in a line of invocations.csv. current is the function of the row before; it returns that of this row.
func (b *builder) parse(text []byte, current int, index map[string]int) (int, error) {
	name, minute, count, ok := splitRow(text)
	if !ok {
		return current, fmt.Errorf("the row is %.200q, want %s with whole numbers of at most nine digits: %w", text, invocationsHeader, models.ErrInvalid)
	}
	if string(name) != b.trace.Functions[current].Name {
		next, known := index[string(name)]
		switch {
		case !known:
			return current, fmt.Errorf("function %.200q is not in %s; add it there or leave out its rows: %w", name, functionsFile, models.ErrInvalid)
		case next < current:
			return current, fmt.Errorf("function %q comes after %q; sort the rows in the order of %s: %w",
				name, b.trace.Functions[current].Name, functionsFile, models.ErrInvalid)
		}
		current = next
	}
	return current, b.add(current, Row{Minute: minute, Count: count})
}

// splitRow splits a line into its three columns. The name is a part of the line.
func splitRow(line []byte) (name []byte, minute, count int32, ok bool) {
	last := bytes.LastIndexByte(line, ',')
	if last < 0 {
		return nil, 0, 0, false
	}
	middle := bytes.LastIndexByte(line[:last], ',')
	if middle < 0 {
		return nil, 0, 0, false
	}
	minute, okMinute := parseDigits(line[middle+1 : last])
	count, okCount := parseDigits(line[last+1:])
	return line[:middle], minute, count, okMinute && okCount
}

// parseDigits reads a whole number of at most nine digits, which fits in an int32. It is several times as fast as strconv,
// which matters for tens of millions of rows.
func parseDigits(digits []byte) (int32, bool) {
	if len(digits) == 0 || len(digits) > 9 {
		return 0, false
	}
	n := int32(0)
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int32(c-'0')
	}
	return n, true
}
