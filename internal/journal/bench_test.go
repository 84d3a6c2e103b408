package journal

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"pilotlight/models"
)

// benchEvents makes decisions as they are in practice: a handful of reasons, about a kilobyte of JSON.
func benchEvents(n, round int) []models.Event {
	events := make([]models.Event, n)
	now := base()
	for i := range events {
		e := decisionEvent(models.TargetID(fmt.Sprint("function-", i)), now, round)
		for range 4 {
			e.Decision.Reasons = append(e.Decision.Reasons, models.Because("load_forecast", models.Num("quantile", 0.9), models.Num("concurrency", 1.25)))
		}
		events[i] = e
	}
	return events
}

func BenchmarkAppend(b *testing.B) {
	for _, mode := range []string{"synced", "relaxed"} {
		for _, size := range []int{1, 10, 100, 1000} {
			b.Run(fmt.Sprintf("%s/%d", mode, size), func(b *testing.B) {
				j := open(b, b.TempDir(), func(o *Options) { o.Relaxed = mode == "relaxed" })
				b.ReportAllocs()
				for n := 0; b.Loop(); n++ {
					b.StopTimer()
					events := benchEvents(size, n)
					b.StartTimer()
					mustAppend(b, j, events...)
				}
				b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
			})
		}
	}
}

// BenchmarkAppendConcurrent appends single events from many goroutines: they share writes.
func BenchmarkAppendConcurrent(b *testing.B) {
	j := open(b, b.TempDir(), nil)
	b.ReportAllocs()
	const workers = 100
	work := make(chan models.Event)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for e := range work {
				mustAppend(b, j, e)
			}
		})
	}
	now, n := base(), 0
	for b.Loop() {
		work <- decisionEvent("fn", now, n)
		n++
	}
	close(work)
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkSaveState(b *testing.B) {
	for _, size := range []int{1 << 10, 8 << 10} {
		for _, workers := range []int{1, 8} {
			b.Run(fmt.Sprintf("%dKiB/%d", size>>10, workers), func(b *testing.B) {
				j := open(b, b.TempDir(), nil)
				state := make([]byte, size)
				b.ReportAllocs()
				b.SetParallelism(workers)
				var n atomic.Int64
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := j.SaveState(b.Context(), fmt.Sprint("key", n.Add(1)%1000), state); err != nil {
							b.Error(err)
						}
					}
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "saves/s")
			})
		}
	}
}

func BenchmarkQuery(b *testing.B) {
	j := open(b, b.TempDir(), relaxed)
	for n := range 50 {
		mustAppend(b, j, benchEvents(1000, n)...)
	}
	for name, f := range map[string]models.EventFilter{
		"newest":          {Limit: 50},
		"of_target":       {Limit: 20, Target: "function-7"},
		"none_of_a_type":  {Limit: 50, Types: []models.EventType{models.EventAction}},
		"middle_of_pages": {Limit: 50, Before: 20_000},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := j.Query(b.Context(), f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("latest", func(b *testing.B) {
		for b.Loop() {
			n := 0
			if err := j.Latest(b.Context(), func(models.Event) error { n++; return nil }); err != nil || n != 1000 {
				b.Fatal(n, err)
			}
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	j := open(b, dir, relaxed)
	for n := range 50 {
		mustAppend(b, j, benchEvents(1000, n)...)
	}
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := open(b, dir, relaxed).Close(); err != nil {
			b.Fatal(err)
		}
	}
}
