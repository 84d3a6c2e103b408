package awslambda

// perInstance is how many requests per second one provisioned instance serves before the rest spills over to on-demand
// instances, however short the requests are.
// Source: "Understanding Lambda function scaling" in the AWS Lambda developer guide.
const perInstance = 10

// InstanceRate implements actuators.InstanceRater.
func (a *Actuator) InstanceRate() float64 { return perInstance }
