// Command pilotlight predicts the traffic of serverless functions and pre-warms them.
package main

func main() {}
