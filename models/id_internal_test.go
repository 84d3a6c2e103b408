package models

import (
	"encoding/binary"
	"hash/fnv"
	"testing"

	"pgregory.net/rapid"
)

// TestFNV128a: the hash written out is that of the standard library.
func TestFNV128a(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOf(rapid.Byte()).Draw(t, "data")
		h := fnv.New128a()
		_, _ = h.Write(data) // a hash never returns an error
		want := h.Sum(nil)
		high, low := fnv128a(data)
		if high != binary.BigEndian.Uint64(want[:8]) || low != binary.BigEndian.Uint64(want[8:]) {
			t.Fatalf("%x%x, want %x", high, low, want)
		}
	})
}
