package engine

import (
	"time"

	"pilotlight/models"
)

const (
	// backoffFirst is the mean wait after the first refusal; each further one in a row doubles it, up to backoffMost.
	backoffFirst = time.Minute
	backoffMost  = time.Hour
	// backoffJitter spreads a wait w over w*(1-backoffJitter) to w*(1+backoffJitter), so that targets that were refused together do not
	// come back together.
	backoffJitter = 0.2
)

// backoff is how long a target is not asked for again, since what was asked was refused for a reason that lasts.
type backoff struct {
	failures int
	until    time.Time
	err      string
}

// lasts reports whether an error of that kind stays when the call is repeated, so that only a change of permissions, of the
// configuration or of the platform helps.
func lasts(kind models.ErrorKind) bool {
	switch kind {
	case models.KindUnauthorized, models.KindNotFound, models.KindInvalid, models.KindQuota, models.KindPermanent:
		return true
	case models.KindThrottled, models.KindConflict, models.KindTransient, models.KindTimeout:
		return false
	}
	return false
}

// refused takes note of one more refusal at the time.
func (b *backoff) refused(id models.TargetID, now time.Time, err string) {
	b.failures++
	b.until, b.err = now.Add(jittered(doubled(backoffFirst, b.failures-1, backoffMost), id, b.failures)), err
}

// waits reports whether the wait goes on at the time.
func (b *backoff) waits(now time.Time) bool { return now.Before(b.until) }

// reason explains the wait.
func (b *backoff) reason(now time.Time) models.Reason {
	return models.Because(models.ReasonBackOff,
		models.Num("refusals", float64(b.failures)), models.Num("left_s", b.until.Sub(now).Seconds()))
}

// doubled returns first doubled so many times, at most most.
func doubled(first time.Duration, times int, most time.Duration) time.Duration {
	for range times {
		if first *= 2; first >= most {
			return most
		}
	}
	return min(first, most)
}

// jittered spreads a wait by a number that depends on the target and on salt only, so that a replay waits as long.
func jittered(wait time.Duration, id models.TargetID, salt int) time.Duration {
	return time.Duration(float64(wait) * (1 + backoffJitter*(2*fraction(id, salt)-1)))
}

// fraction returns a number from 0 to 1, the same for the same target and salt.
func fraction(id models.TargetID, salt int) float64 {
	h := uint64(14695981039346656037) ^ uint64(salt) //nolint:gosec // any number is a good salt
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211 // FNV-1a
	}
	// The last characters of a text hardly reach the high bits of FNV; this is the finisher of MurmurHash3.
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return float64(h>>11) / (1 << 53)
}
