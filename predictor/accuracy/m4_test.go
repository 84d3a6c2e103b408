//go:build accuracy

package accuracy_test

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"pilotlight/predictor/accuracy"
)

// TestM4Hourly reproduces the rows Naive2 and sNaive of the M4 competition on the hourly series in the folder c1_m4_hourly of
// $PILOTLIGHT_DATA, which holds 160 of the 414. The numbers wanted were made by an independent program from the official definitions; on all
// series the official table says 18.383 and 2.395 for Naive2 and an OWA of 0.628 for sNaive.
func TestM4Hourly(t *testing.T) {
	t.Parallel()
	root := os.Getenv("PILOTLIGHT_DATA")
	if root == "" {
		t.Skip("PILOTLIGHT_DATA names no folder of data sets")
	}
	train := wide(t, filepath.Join(root, "c1_m4_hourly", "hourly_train.csv.gz"))
	test := wide(t, filepath.Join(root, "c1_m4_hourly", "hourly_test.csv.gz"))
	const period = 24
	var rows []accuracy.Row
	for name, history := range train {
		actual := test[name]
		row := accuracy.Row{Series: name, Tallies: make([]accuracy.Tally, 2)}
		for m, path := range [][]float64{
			accuracy.Naive2(history, period, len(actual)), accuracy.SeasonalNaive(history, period, len(actual)),
		} {
			row.Tallies[m].Add(actual, forecast(path...), accuracy.Scale(history, period))
		}
		rows = append(rows, row)
	}
	all := accuracy.Summarise([]string{"naive2", "seasonal_naive"}, rows, 1, 0)
	got := fmt.Sprintf("series %d Naive2 %.3f %.3f sNaive OWA %.3f", len(rows), all[0].SMAPE, all[0].MASE, all[1].OWA)
	if want := "series 160 Naive2 21.073 2.311 sNaive OWA 0.637"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
}

// wide reads a file of the competition: a header, then a name and values per row.
func wide(t *testing.T, path string) map[string][]float64 {
	t.Helper()
	f, err := os.Open(path) //nolint:gosec // the tester names the folder
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	in := csv.NewReader(zip)
	in.FieldsPerRecord = -1
	rows, err := in.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]float64{}
	for _, row := range rows[1:] {
		for _, cell := range row[1:] {
			if v, err := strconv.ParseFloat(cell, 64); err == nil {
				all[row[0]] = append(all[row[0]], v)
			}
		}
	}
	return all
}
