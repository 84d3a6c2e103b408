package predictor

import (
	"encoding/binary"
	"math"
)

// A histogram counts residuals in units of their own: bin histZero those near zero, the bins above it positive ones and
// those below it negative ones, by their size on a logarithmic scale with perOctave bins for each doubling. Counts are halved
// when they add up to histFull, so the latest 128 to 255 residuals count most.
type histogram []uint8

const (
	perOctave = 3
	histHalf  = 47
	histZero  = histHalf
	histBins  = 2*histHalf + 1
	histFull  = 255
)

// histLow is the size at which the bins beside zero begin: plain residuals are in units of the greatest value there is, scaled
// ones in units of the mean error.
//
//nolint:gochecknoglobals // a constant table
var histLow = [numVariants]float64{variantPlain: 1.0 / (1 << 15), variantScaled: 1.0 / (1 << 5)}

// bin returns the bin of residual r.
func (histogram) bin(variant int, r float64) int {
	a := math.Abs(r) / histLow[variant]
	if !(a >= 1) {
		return histZero
	}
	i := min(1+int(perOctave*math.Log2(min(a, 1e30))), histHalf)
	if r < 0 {
		return histZero - i
	}
	return histZero + i
}

// add counts a residual.
func (h histogram) add(variant int, r float64) {
	h[h.bin(variant, r)]++
	if h.total() >= histFull {
		h.halve()
	}
}

// total returns how many residuals count.
func (h histogram) total() int {
	// Four counts at a time, in 16 bits each: twice eleven words of counts of at most 255 fit.
	const even, all = 0x00ff00ff00ff00ff, 0x0001000100010001
	sums, i := uint64(0), 0
	for ; i+8 <= len(h); i += 8 {
		w := binary.LittleEndian.Uint64(h[i:])
		sums += w&even + w>>8&even
	}
	n := int(sums * all >> 48)
	for _, c := range h[i:] {
		n += int(c)
	}
	return n
}

// halve halves all counts; what rounding leaves goes to the next bin, so that the cumulated counts stay right to within a half.
func (h histogram) halve() {
	carry := uint8(0)
	for i, c := range h {
		carry += c & 1
		h[i] = c>>1 + carry>>1
		carry &= 1
	}
}

// shift moves all counts to bins by so many farther from zero, or nearer.
func (h histogram) shift(by int) {
	var moved [histBins]int
	for i, c := range h {
		at := i
		switch size := i - histZero; {
		case size > 0:
			at = histZero + min(max(size+by, 0), histHalf)
		case size < 0:
			at = histZero - min(max(-size+by, 0), histHalf)
		}
		moved[at] += int(c)
	}
	for i, c := range moved {
		h[i] = uint8(c) //nolint:gosec // all counts together are below histFull
	}
}

// quantiles writes the quantiles at the levels, which increase: for each the residual of rank (n+1)·level, where the residuals
// of a bin are spread over it.
func (h histogram) quantiles(variant int, levels, dst []float64) {
	n := h.total()
	below, i := 0.0, 0
	for l, level := range levels {
		if n == 0 {
			dst[l] = 0
			continue
		}
		rank := min(max(level*float64(n+1), 1), float64(n))
		if h[i] == 0 {
			for i+8 < histBins && binary.LittleEndian.Uint64(h[i:]) == 0 {
				i += 8
			}
		}
		for ; i < histBins-1; i++ {
			if h[i] == 0 {
				continue
			}
			with := below + float64(h[i])
			if rank < with+0.5 {
				break
			}
			below = with
		}
		dst[l] = inside(variant, i, min(max((rank-below-0.5)/max(float64(h[i]), 1), 0), 1))
	}
}

// inside returns the residual at a share of the way through bin i.
func inside(variant, i int, share float64) float64 {
	switch size := i - histZero; {
	case size > 0:
		low := histEdges[variant][size-1]
		return low + share*(histEdges[variant][size]-low)
	case size < 0:
		high := histEdges[variant][-size]
		return share*(high-histEdges[variant][-size-1]) - high
	}
	return 0
}

// histEdges are the sizes at which bins begin, see edge.
//
//nolint:gochecknoglobals // a constant table
var histEdges = edges()

func edges() (table [numVariants][histHalf + 1]float64) {
	for variant := range table {
		for i := range table[variant] {
			table[variant][i] = edge(variant, i)
		}
	}
	return table
}

// edge returns the size at which bin i+1 from zero begins.
func edge(variant, i int) float64 {
	frac := 1.0
	switch i % perOctave {
	case 1:
		frac = 1.2599210498948732 // the cube root of 2
	case 2:
		frac = 1.5874010519681994 // and its square
	}
	return math.Ldexp(histLow[variant]*frac, i/perOctave)
}
