package accuracy_test

import (
	"math"
	"testing"

	"pilotlight/predictor/accuracy"
)

// airPassengers are monthly counts of passengers from Box, Jenkins and Reinsel, series G, as shipped with R.
var airPassengers = []float64{
	112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118, 115, 126, 141, 135, 125, 149, 170, 170, 158, 133,
	114, 140, 145, 150, 178, 163, 172, 178, 199, 199, 184, 162, 146, 166, 171, 180, 193, 181, 183, 218, 230, 242,
	209, 191, 172, 194, 196, 196, 236, 235, 229, 243, 264, 272, 237, 211, 180, 201, 204, 188, 235, 227, 234, 264,
	302, 293, 259, 229, 203, 229, 242, 233, 267, 269, 270, 315, 364, 347, 312, 274, 237, 278, 284, 277, 317, 313,
	318, 374, 413, 405, 355, 306, 271, 306, 315, 301, 356, 348, 355, 422, 465, 467, 404, 347, 305, 336, 340, 318,
	362, 348, 363, 435, 491, 505, 404, 359, 310, 337, 360, 342, 406, 396, 420, 472, 548, 559, 463, 407, 362, 405,
	417, 391, 419, 461, 472, 535, 622, 606, 508, 461, 390, 432,
}

// TestAgainstR compares with what R 4.2.2 gives for the code of the competition: acf and its limit for each beginning of the series, and
// decompose for all of it.
func TestAgainstR(t *testing.T) {
	t.Parallel()
	for n := 0; n <= len(airPassengers); n++ {
		want := n >= 68 && n <= 73 || n >= 78
		if got := accuracy.Seasonal(airPassengers[:n], 12); got != want {
			t.Errorf("the first %d months: seasonal is %v", n, got)
		}
	}
	want := []float64{
		437.482029956, 424.694904581, 484.168254771, 469.047571496, 471.677574175, 534.831010909, 589.516706990, 586.323140173,
		509.701917313, 443.022165725, 385.068468834, 432.000000000, 437.482029956, 424.694904581,
	}
	for h, got := range accuracy.Naive2(airPassengers, 12, len(want)) {
		if math.Abs(got-want[h]) > 1e-8 {
			t.Errorf("Naive2 %d months ahead: %v, not %v", h+1, got, want[h])
		}
	}
}
