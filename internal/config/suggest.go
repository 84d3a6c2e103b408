package config

import (
	"fmt"
	"strings"
)

// maxKnownShown bounds how many known names a message lists.
const maxKnownShown = 40

// unknownName says that a name is not one of those known, with the nearest one, or else all of them.
func unknownName(what, name string, known []string) string {
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf("unknown %s %q: did you mean %q?", what, name, near)
	}
	switch {
	case len(known) == 0:
		return fmt.Sprintf("unknown %s %q: none is known here; remove it", what, name)
	case len(known) > maxKnownShown:
		return fmt.Sprintf("unknown %s %q: known are %s and %d more", what, name,
			strings.Join(known[:maxKnownShown], ", "), len(known)-maxKnownShown)
	}
	return fmt.Sprintf("unknown %s %q: known are %s", what, name, strings.Join(known, ", "))
}

// nearest returns the known name that is nearest to name, or "" if none is near: at most a third of the letters may differ.
func nearest(name string, known []string) string {
	const shortest, longest = 3, 64
	const most = 1000
	if len(name) < shortest || len(name) > longest || len(known) > most {
		return ""
	}
	best, bestDistance := "", max(1, len(name)/3)+1
	plain := strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(name))
	for _, k := range known {
		if d := distance(plain, k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance is the number of letters to insert, drop, replace or swap with their neighbour to make a into b, in bytes: the
// Levenshtein distance with transpositions (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
