package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"pilotlight/models"
)

// BenchmarkTargets measures one page out of fleets of different sizes.
func BenchmarkTargets(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		ids := make([]models.TargetID, n)
		for i := range ids {
			ids[i] = models.TargetID(fmt.Sprintf("team-%03d/function-%06d", i%200, i))
		}
		world := newWorld(ids...)
		deps := world.deps()
		deps.Fleet = still{world}
		h := mustNew(b, deps)
		b.Run(fmt.Sprintf("targets=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, request(http.MethodGet, "/api/v1/targets?limit=100", ""))
				if w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}

// still is a fleet that does not copy its list.
type still struct{ *world }

func (s still) Targets() []models.TargetStatus { return s.targets }

// BenchmarkHealth measures what every request costs.
func BenchmarkHealth(b *testing.B) {
	h := mustNew(b, newWorld().deps())
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), request(http.MethodGet, "/healthz", ""))
	}
}
