//go:build accuracy

package accuracy_test

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pilotlight/collectors/trace"
)

// TestArrivals prints the scores of the arrival forecasts on the data sets in the folder PILOTLIGHT_DATA and demands that the
// pool is better than every baseline, at every question, on every data set, by both scores.
func TestArrivals(t *testing.T) {
	t.Parallel()
	root := os.Getenv("PILOTLIGHT_DATA")
	if root == "" {
		t.Skip("set PILOTLIGHT_DATA to the folder with traces/ and s2_azure2019_fn1d/")
	}
	for _, name := range []string{"azure2019-day", "azure2021-14d", "azure2019-14d-semisynthetic", "s2_azure2019_fn1d"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := evaluateAll(readFunctions(t, root, name))
			t.Logf("%d functions, %d forecasts each\n%s", len(all), all[0][0][0].N(), table(all))
			checkOrder(t, all)
		})
	}
}

func readFunctions(t *testing.T, root, name string) [][]float64 {
	t.Helper()
	if name == "s2_azure2019_fn1d" {
		return readRows(t, filepath.Join(root, name, "invocations_1day.csv.gz"))
	}
	tr, err := trace.Read(filepath.Join(root, "traces", name))
	if err != nil {
		t.Fatal(err)
	}
	return functionsOf(tr)
}

// readRows reads a file with a function in each row: its name, three numbers about it, then the count of each minute.
func readRows(t *testing.T, path string) [][]float64 {
	t.Helper()
	f, err := os.Open(path) //nolint:gosec // the folder is named by who runs the test
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]float64
	for _, row := range rows[1:] {
		y := make([]float64, len(row)-4)
		for i := range y {
			if y[i], err = strconv.ParseFloat(row[4+i], 64); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, y)
	}
	return all
}

// table has a row for each source. All functions of a data set have the same number of forecasts, so the mean over functions
// is also the mean over all forecasts. The last column says on how many functions the pool has the smaller log loss, summed
// over the questions.
func table(all [][]scores) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| Brier score, log loss (x 1000) |")
	for _, q := range questions {
		fmt.Fprintf(&b, " %s |", q.name)
	}
	fmt.Fprintf(&b, " arrivals better |\n|---|%s---|\n", strings.Repeat("---|", numQuestions))
	for s, name := range sources {
		fmt.Fprintf(&b, "| %s |", name)
		for q := range questions {
			total := sum(all, s, q)
			fmt.Fprintf(&b, " %.2f, %.1f |", 1000*total.Brier(), 1000*total.LogLoss())
		}
		better := 0
		for _, f := range all {
			var mine, other float64
			for q := range questions {
				mine += f[len(sources)-1][q].LogLoss()
				other += f[s][q].LogLoss()
			}
			if mine < other {
				better++
			}
		}
		fmt.Fprintf(&b, " %.0f %% |\n", 100*float64(better)/float64(len(all)))
	}
	return b.String()
}
