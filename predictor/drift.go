package predictor

import (
	"math"

	"pilotlight/models"
)

// drift watches whether the errors of the mix stay what they were. A two-sided CUSUM (Page 1954) of the one-step errors in
// units of their usual size raises an alarm when the series leaves the course that the mix follows. Errors are clipped, so
// that one burst is no alarm. From an alarm on the forecast must prove itself again, against the last value.
type drift struct {
	up, down float32
	// since is how many steps the alarm is old, 0 if there is none; alarms is how many there were.
	since, alarms uint16
	// mix and last are the mean absolute errors of the mix and of the last value since the alarm.
	mix, last float32
}

const (
	driftSlack  = 1   // in usual sizes: errors on one side that are smaller do not add up
	driftBound  = 4   // in usual sizes: larger errors count as this
	driftAlarm  = 24  // in usual sizes: the sum that is an alarm, which takes at least eight large errors on one side
	driftMature = 240 // errors before which there is no usual size
	driftMemory = 240 // how many errors the weights remember after an alarm
	driftProof  = 15  // how many steps the forecast must have proved itself after an alarm
	driftEnd    = 720 // steps after which an alarm is over in any case, for then the skill tells
)

// add takes a one-step error, its usual size and how many errors that averages, and reports whether it raises an alarm.
func (d *drift) add(e, usual float64, n int) bool {
	if n < driftMature || !(usual > 0) {
		return false
	}
	z := float32(max(-driftBound, min(e/usual, driftBound)))
	d.up = max(0, d.up+z-driftSlack)
	d.down = max(0, d.down-z-driftSlack)
	if max(d.up, d.down) < driftAlarm {
		return false
	}
	*d = drift{since: 1, alarms: min(d.alarms, math.MaxUint16-1) + 1}
	return true
}

// prove takes the errors of the mix and of the last value at one step, and ends an alarm when the mix is the better again.
func (d *drift) prove(mix, last float64) {
	if d.since == 0 {
		return
	}
	d.mix += (float32(min(mix, errorGuard)) - d.mix) / float32(d.since)
	d.last += (float32(min(last, errorGuard)) - d.last) / float32(d.since)
	if d.since++; d.since > driftEnd || d.since > driftProof && d.mix < d.last {
		*d = drift{up: d.up, down: d.down, alarms: d.alarms}
	}
}

// verdict returns why a forecast must not be acted on while an alarm lasts, or nil.
func (d *drift) verdict() *models.Reason {
	if d.since == 0 {
		return nil
	}
	r := models.Because(models.ReasonDrift, models.Num("steps_since", float64(d.since)), models.Num("mae_since", float64(d.mix)),
		models.Num("persistence_mae_since", float64(d.last)))
	return &r
}

func (d *drift) write(w *writer) {
	w.floats32([]float32{d.up, d.down, d.mix, d.last})
	w.int(int(d.since))
	w.int(int(d.alarms))
}

func (d *drift) read(r *reader) {
	var v [4]float32
	r.fill32(v[:], false)
	d.up, d.down, d.mix, d.last = v[0], v[1], v[2], v[3]
	d.since = uint16(r.int(0, driftEnd))        //nolint:gosec // just checked
	d.alarms = uint16(r.int(0, math.MaxUint16)) //nolint:gosec // just checked
}
