package azurefunctions

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"pilotlight/actuators"
	"pilotlight/actuators/webapi"
	"pilotlight/models"
)

// refill is how long to wait when Azure says that nothing is left of a limit; its buckets are refilled each second.
const refill = time.Second

// throttle remembers until when Azure does not want to be asked, for reads and writes apart as Azure counts them: as long as an
// answer says, or until the next refill if a header says that nothing is left. It is a policy of the SDK's pipeline and sees
// every answer.
type throttle struct {
	now func() time.Time

	mu            sync.Mutex
	reads, writes time.Time
}

// Do implements policy.Policy.
func (t *throttle) Do(req *policy.Request) (*http.Response, error) {
	resp, err := req.Next()
	if err != nil {
		return resp, err
	}
	wait := time.Duration(0)
	if resp.StatusCode == http.StatusTooManyRequests {
		wait = retryAfter(resp.Header, t.now())
	} else if exhausted(resp.Header) {
		wait = refill
	}
	if wait > 0 {
		t.hold(req.Raw().Method == http.MethodGet, t.now().Add(wait))
	}
	return resp, nil
}

// exhausted reports whether a header says that nothing is left.
func exhausted(header http.Header) bool {
	for name, values := range header {
		if strings.HasPrefix(name, "X-Ms-Ratelimit-Remaining-") && len(values) > 0 {
			if left, err := strconv.Atoi(values[0]); err == nil && left <= 0 {
				return true
			}
		}
	}
	return false
}

// hold keeps requests back until a time.
func (t *throttle) hold(reads bool, until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if reads && until.After(t.reads) {
		t.reads = until
	}
	if !reads && until.After(t.writes) {
		t.writes = until
	}
}

// check returns an *actuators.Error while requests are kept back: each one that is sent too early makes Azure wait longer.
func (t *throttle) check(op string, reads bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	until := t.writes
	if reads {
		until = t.reads
	}
	left := until.Sub(t.now())
	if left <= 0 {
		return nil
	}
	return &actuators.Error{
		Kind: models.KindThrottled, Op: op, RetryAfter: min(left, webapi.MaxRetryAfter),
		Err: fmt.Errorf("not sent: Azure asked not to be asked for another %s", left.Round(time.Millisecond)),
	}
}

// retryAfter reads how long an answer asks to wait, 0 if it does not say.
func retryAfter(header http.Header, now time.Time) time.Duration {
	for _, unit := range []struct {
		name string
		of   time.Duration
	}{{"Retry-After-Ms", time.Millisecond}, {"X-Ms-Retry-After-Ms", time.Millisecond}, {"Retry-After", time.Second}} {
		if wait := webapi.RetryAfter(header.Get(unit.name), unit.of, now); wait > 0 {
			return wait
		}
	}
	return 0
}
