package awslambda

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// TestTenThousandTurns has 10,000 requests of three actuators of an account come at once: they go out at the rate that is allowed, and
// no second holds more than AWS takes.
func TestTenThousandTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const requests, actuators = 10000, 3
		shared, static := NewShared(), aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "not-a-secret", ""))
		config := defaultConnection()
		var (
			group sync.WaitGroup
			mu    sync.Mutex
			sent  []time.Duration
			start = time.Now()
		)
		for i := range requests {
			l := &link{config: config, region: "eu-west-1", credentials: static, shared: shared}
			if i%actuators == 0 {
				// A greater budget of another actuator of the account changes nothing.
				l.config.Requests.PerSecond, l.config.Requests.Burst = maxPerSecond, maxPerSecond
			}
			group.Go(func() {
				if err := l.turn(context.WithoutCancel(t.Context()), ofLambda); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				sent = append(sent, time.Since(start))
			})
			if i < actuators {
				group.Wait() // all budgets are known
			}
		}
		group.Wait()
		if len(sent) != requests {
			t.Fatalf("%d turns, want %d", len(sent), requests)
		}
		// The virtual clock moves on only when all wait, so that the turns are in order.
		busiest := 0
		for from, to := 0, 0; to < len(sent); to++ {
			for sent[to]-sent[from] >= time.Second {
				from++
			}
			busiest = max(busiest, to-from+1)
		}
		if busiest > maxPerSecond {
			t.Errorf("the busiest second had %d requests, more than %d", busiest, maxPerSecond)
		}
		rate := float64(requests) / sent[len(sent)-1].Seconds()
		if rate < 0.95*config.Requests.PerSecond {
			t.Errorf("%.2f requests per second of %v that are allowed", rate, config.Requests.PerSecond)
		}
		t.Logf("%.3f requests per second of %v, busiest second %d", rate, config.Requests.PerSecond, busiest)
	})
}
