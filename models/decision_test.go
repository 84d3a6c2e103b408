package models

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestNewIDIsStable compares ids with the definition that older journals were written with.
func TestNewIDIsStable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kind, extra := rapid.String().Draw(t, "kind"), rapid.String().Draw(t, "extra")
		target := TargetID(rapid.StringN(0, 400, -1).Draw(t, "target"))
		at := time.Unix(0, rapid.Int64().Draw(t, "nanos"))
		h := fnv.New128a()
		_, _ = fmt.Fprintf(h, "%s\x00%s\x00%d\x00%s", kind, target, at.UnixNano(), extra)
		if got, want := NewID(kind, target, at, extra), hex.EncodeToString(h.Sum(nil)); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	})
}

func BenchmarkNewID(b *testing.B) {
	at := time.Unix(1_700_000_000, 0)
	b.ReportAllocs()
	for b.Loop() {
		_ = NewID("decision", "prod/checkout-service", at, "0123456789abcdef")
	}
}
