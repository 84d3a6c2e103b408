package series

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

// ReadFile reads a file, or stdin if the path is "-".
func ReadFile(path string, stdin io.Reader, opt Options) (*File, error) {
	if path == "-" {
		return Read(stdin, "standard input", opt)
	}
	f, err := os.Open(path) //nolint:gosec // the user names the file to read
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, errors.Unwrap(err))
	}
	defer f.Close()
	return Read(f, path, opt)
}

// Read reads CSV with a header, in one of two forms. Long: columns value and, if they are there, series and timestamp; other columns
// are left out, and rows of different series may be mixed. Wide, as in the M4 competition: the header is V1,V2,…, and each row is a name
// and its values. Input compressed with gzip is recognised. name is what errors call the input; they wrap ErrInput.
func Read(r io.Reader, name string, opt Options) (*File, error) {
	in, err := Plain(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrInput, name, err)
	}
	rows := csv.NewReader(in)
	rows.FieldsPerRecord, rows.ReuseRecord, rows.TrimLeadingSpace = -1, true, true
	file, err := parse(rows, opt)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("the compressed file ends too early; copy it again")
	case err == nil && len(file.Series) == 0:
		err = errors.New("there is a header but no row; write at least one value")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrInput, name, err)
	}
	return file, nil
}

// Plain unpacks gzip, if the input is that, and removes a byte order mark.
func Plain(r io.Reader) (io.Reader, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	if head, err := in.Peek(2); err == nil && bytes.Equal(head, []byte{0x1f, 0x8b}) {
		zip, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("it looks compressed but is not gzip: %w", err)
		}
		in = bufio.NewReaderSize(zip, 1<<16)
	}
	if head, err := in.Peek(3); err == nil && string(head) == "\ufeff" {
		_, _ = in.Discard(3) // they were just peeked at
	}
	return in, nil
}

func parse(rows *csv.Reader, opt Options) (*File, error) {
	header, err := rows.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty; write a header such as series,value and a row per value")
	}
	if err != nil {
		return nil, err
	}
	if len(header) > 1 && header[0] == "V1" && header[1] == "V2" {
		return parseWide(rows, opt)
	}
	p, err := newLong(header, opt)
	if err != nil {
		return nil, err
	}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return p.file()
		}
		if err != nil {
			return nil, err
		}
		if err := p.row(row); err != nil {
			line, _ := rows.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// parseWide reads a row per series. Empty cells at the end of a row are no values, those in between are missing ones.
func parseWide(rows *csv.Reader, opt Options) (*File, error) {
	f := &File{}
	odd, total, seen := 0, 0, map[string]bool{}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return f.noteOdd(odd), nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := rows.FieldPos(0)
		if seen[row[0]] {
			return nil, fmt.Errorf("line %d: the series %.80q has a row already; give each a name of its own", line, row[0])
		}
		s := Series{Name: strings.Clone(row[0]), Step: opt.Step}
		strange, err := s.fill(row[1:])
		if err != nil {
			return nil, fmt.Errorf("line %d, %w", line, err)
		}
		odd += strange
		if total += len(s.Values); total > maxValues || len(f.Series) >= maxSeries {
			return nil, fmt.Errorf("line %d: there are more than %d values or %d series; split the file", line, maxValues, maxSeries)
		}
		seen[s.Name] = true
		f.Series = append(f.Series, s)
	}
}

// fill sets the values from the cells of a row and returns how many of them cannot be used.
func (s *Series) fill(cells []string) (odd int, err error) {
	for len(cells) > 0 && isMissing(cells[len(cells)-1]) {
		cells = cells[:len(cells)-1]
	}
	s.Values = make([]float64, len(cells))
	for i, cell := range cells {
		v, strange, err := number(cell)
		if err != nil {
			return 0, fmt.Errorf("column %d: %w", i+2, err)
		}
		if strange {
			odd++
		}
		s.Values[i] = v
	}
	return odd, nil
}

func (f *File) noteOdd(odd int) *File {
	if odd > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("%d values are infinite or beyond 1e30 and count as missing", odd))
	}
	return f
}

// isMissing reports whether a cell says that there is no value.
func isMissing(cell string) bool {
	switch strings.ToLower(strings.TrimSpace(cell)) {
	case "", "nan", "na", "n/a", "null", "none":
		return true
	}
	return false
}

// maxNumber bounds a value; what is beyond is no load but a mistake.
const maxNumber = 1e30

// number reads a cell; strange says that it is a number which cannot be used, and so is NaN.
func number(cell string) (v float64, strange bool, err error) {
	if isMissing(cell) {
		return math.NaN(), false, nil
	}
	v, err = strconv.ParseFloat(strings.TrimSpace(cell), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false, fmt.Errorf("%.40q is not a number; write numbers like 12.5, and nothing or NaN where a value is missing", cell)
	}
	if math.Abs(v) > maxNumber {
		return math.NaN(), true, nil
	}
	return v, false, nil
}
