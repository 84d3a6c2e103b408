//go:build accuracy

package ensemble_test

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// opsSeries is one operational series.
type opsSeries struct {
	set, name string
	step      time.Duration
	season    int
	y         []float64
}

// opsSource says where series lie: the column value of the rows whose column key is one of keys (all rows if key is negative),
// at the time in column at, which is read by parse, summed over steps.
type opsSource struct {
	set, file  string
	step       time.Duration
	key, at    int
	value      int
	keys       []string
	sum        bool // several rows of a step add up; else their mean
	zero       bool // a step without a row is zero, not missing
	onlySeason int  // season in steps if it is not a day
}

// opsSources is the table of the development series.
func opsSources() []opsSource {
	min1, min5, hour := time.Minute, 5*time.Minute, time.Hour
	src := []opsSource{
		{set: "w1", file: "w1_worldcup98_minute/requests_per_minute", step: min1, key: -1, at: 0, value: 1},
		{set: "w2", file: "w2_twitter2018_second/tweets_per_second", step: min1, key: -1, at: 0, value: 1, sum: true},
		{set: "w3", file: "w3_wikipedia_hourly/requests_per_hour", step: hour, key: -1, at: 0, value: 1},
		{set: "w6", file: "w6_internet_traffic_5min/eu_isp_5min", step: min5, key: -1, at: 0, value: 1},
		{set: "w7", file: "w7_autothrottle_1h/rps_per_second", step: time.Second, key: 0, at: 1, value: 2, keys: []string{"diurnal", "diurnal-2", "noisy", "bursty"}, onlySeason: 60},
		{set: "c2", file: "c2_demand_classics/pedestrian_hourly", step: hour, key: 0, at: 1, value: 2, keys: []string{"Birrarung Marr", "Bourke Street Mall (North)", "QV Market-Elizabeth St (West)", "Southern Cross Station"}},
		{set: "c2", file: "c2_demand_classics/taylor_30min", step: 30 * time.Minute, key: -1, at: 0, value: 1},
		{set: "c3", file: "c3_bitbrains_vms_5min/vm_usage", step: min5, key: 0, at: 1, value: 2, keys: []string{"900", "380", "834", "713", "468", "733"}},
		{set: "c3", file: "c3_bitbrains_vms_5min/vm_usage", step: min5, key: 0, at: 1, value: 3, keys: []string{"900", "468", "834"}},
		{set: "services", file: "traces/services-14d/invocations", step: min1, key: 0, at: 1, value: 2, zero: true, keys: []string{"worldcup98", "twitter", "mongo-01", "mongo-04", "ingress-01", "ingress-03"}},
		{set: "azure2021", file: "traces/azure2021-14d/invocations", step: min1, key: 0, at: 1, value: 2, zero: true, keys: []string{"az21_235", "az21_191", "az21_186", "az21_190", "az21_110"}},
		{set: "alibaba-minute", file: "traces/alibaba-genai-24d/invocations", step: min1, key: 0, at: 1, value: 2, zero: true, sum: true, keys: []string{"M0001", "M0010", ""}},
		{set: "alibaba-hourly", file: "traces/alibaba-genai-24d/invocations", step: hour, key: 0, at: 1, value: 2, zero: true, sum: true, keys: []string{"M0001", "M0010", "M0026", ""}},
		{set: "s6", file: "s6_huawei2025_coldstarts/cold_starts_per_minute", step: min1, key: 0, at: 1, value: 3, keys: []string{"R1", "R2", "R3", "R4", "R5"}},
	}
	for _, f := range []string{"mongodb-application-rps__mongo-01", "mongodb-application-rps__mongo-04", "data-ingress-rate__ingress-01", "data-ingress-rate__ingress-03", "service-unavailable__unavail-01"} {
		src = append(src, opsSource{set: "w4-minute", file: "w4_ms_cloud_monitoring/" + f, step: min1, key: -1, value: 1})
	}
	for _, f := range []string{"ecommerce-api-incoming-rps__api-01", "consumer-purchase-rate__purchase-02", "consumer-purchase-rate__purchase-04", "consumer-purchase-rate__purchase-05", "application-crash-rate-2__app2-05"} {
		src = append(src, opsSource{set: "w4-hourly", file: "w4_ms_cloud_monitoring/" + f, step: hour, key: -1, value: 1})
	}
	for _, f := range []string{
		"realTweets__Twitter_volume_AMZN", "realTweets__Twitter_volume_CVS", "realTweets__Twitter_volume_FB", "realTweets__Twitter_volume_KO", "realTweets__Twitter_volume_UPS",
		"realAWSCloudwatch__ec2_cpu_utilization_24ae8d", "realAWSCloudwatch__ec2_cpu_utilization_53ea38", "realAWSCloudwatch__ec2_cpu_utilization_fe7f93", "realAWSCloudwatch__ec2_network_in_5abac7",
		"realAWSCloudwatch__rds_cpu_utilization_cc0c53", "realAWSCloudwatch__rds_cpu_utilization_e47b3b", "realAWSCloudwatch__grok_asg_anomaly", "realKnownCause__cpu_utilization_asg_misconfiguration",
	} {
		src = append(src, opsSource{set: "w5", file: "w5_nab/" + f, step: min5, key: -1, value: 1})
	}
	return src
}

// load reads the series of a source.
func (s opsSource) load(t *testing.T, dir string) []opsSeries {
	t.Helper()
	rows := readCSV(t, filepath.Join(dir, s.file+".csv.gz"))
	keys := s.keys
	if len(keys) == 0 {
		keys = []string{""}
	}
	var out []opsSeries
	for _, key := range keys {
		name := filepath.Base(s.file)
		if key != "" {
			name = key
		}
		if s.set == "c3" {
			name = key + []string{"", "", " cpu", " net"}[s.value]
		}
		season := s.onlySeason
		if season == 0 {
			season = int(24 * time.Hour / s.step)
		}
		y := s.series(t, rows, key)
		if y == nil {
			continue
		}
		out = append(out, opsSeries{s.set, name, s.step, season, y})
	}
	return out
}

// series makes one series of the rows.
func (s opsSource) series(t *testing.T, rows [][]string, key string) []float64 {
	t.Helper()
	var sum, n []float64
	first := int64(math.MinInt64)
	for i, row := range rows {
		if key != "" && row[s.key] != key {
			continue
		}
		v, err := strconv.ParseFloat(row[s.value], 64)
		if err != nil {
			continue
		}
		at := s.time(t, row, i)
		if first == math.MinInt64 {
			first = at - at%int64(s.step/time.Second)
		}
		second := (at - first) / int64(s.step/time.Second)
		if second < 0 {
			continue
		}
		for int64(len(sum)) <= second {
			sum, n = append(sum, 0), append(n, 0)
		}
		sum[second] += v
		n[second]++
	}
	for i := range sum {
		switch {
		case n[i] == 0 && !s.zero, s.set == "w2" && sum[i] < 200: // the nightly gap
			sum[i] = math.NaN()
		case n[i] > 1 && !s.sum:
			sum[i] /= n[i]
		}
	}
	return sum
}

// time reads the time of a row in seconds.
func (s opsSource) time(t *testing.T, row []string, i int) int64 {
	t.Helper()
	switch {
	case s.set == "s6":
		day, _ := strconv.ParseInt(row[1], 10, 64)
		minute, _ := strconv.ParseInt(row[2], 10, 64)
		return (day*1440 + minute - 1) * 60
	case s.set == "c2" && s.step == 30*time.Minute:
		return int64(i) * 1800
	case s.set == "w4-hourly" || s.set == "w4-minute" || s.set == "w5" || s.set == "w1" || s.set == "w3" || s.set == "w6" || s.set == "c2":
		text := row[s.at]
		for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04:05-0700", time.RFC3339, "2006-01-02 15:04"} {
			if at, err := time.Parse(layout, text); err == nil {
				return at.Unix()
			}
		}
		t.Fatalf("%s: time %q", s.file, text)
	case strings.HasPrefix(s.file, "traces/"):
		v, _ := strconv.ParseInt(row[s.at], 10, 64)
		return v * 60
	}
	v, err := strconv.ParseInt(row[s.at], 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", s.file, err)
	}
	return v
}

func readCSV(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path) //nolint:gosec // a path of the table
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(z)
	r.ReuseRecord = false
	if _, err := r.Read(); err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for {
		row, err := r.Read()
		if err == io.EOF {
			return rows
		}
		if err != nil {
			t.Fatal(fmt.Errorf("%s: %w", path, err))
		}
		rows = append(rows, row)
	}
}
