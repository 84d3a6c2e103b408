// Package kube tests the actuators for Kubernetes and Knative against a real kube-apiserver and etcd. It has no code besides
// tests, which hide behind the build tag kube and are run by make test-kube.
//
// No controller runs: what the controllers of Kubernetes, KEDA and Knative would do is played by the tests. The actuators have
// the permissions of the roles under deploy/examples/rbac and no more.
package kube
