package awslambda

import "math"

// perInstance is how many requests per second one provisioned instance serves before the rest spills over to on-demand
// instances, however short the requests are.
const perInstance = 10

// RequiredForRate returns the provisioned concurrency that rps requests per second need whatever their duration:
// ceil(rps/10), as each instance serves at most 10 requests per second. The floor of a target is the greater of this and
// its concurrency (Little's law). It is 0 for a rate that is not a number above 0.
// Source: "Understanding Lambda function scaling" in the AWS Lambda developer guide.
func RequiredForRate(rps float64) int {
	if !(rps > 0) {
		return 0
	}
	return int(min(math.Ceil(rps/perInstance), math.MaxInt32))
}
