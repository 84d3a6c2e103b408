package knative

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"pilotlight/actuators/kubeapi"
	"pilotlight/models"
)

// The annotations that hold levers, each with the older spelling that Knative still reads.
const (
	annotationPrefix = "autoscaling.knative.dev/"
	minScale         = annotationPrefix + "min-scale"
	maxScale         = annotationPrefix + "max-scale"
	retention        = annotationPrefix + "scale-to-zero-pod-retention-period"
	oldMinScale      = annotationPrefix + "minScale"
	oldMaxScale      = annotationPrefix + "maxScale"
	oldRetention     = annotationPrefix + "scaleToZeroPodRetentionPeriod"
)

// The labels by which revisions and their autoscalers are found.
const (
	configurationLabel = "serving.knative.dev/configuration"
	activeRevisions    = "serving.knative.dev/routingState=active"
)

// serving names an object of the API group of Knative Serving.
func serving(resource, namespace, name string) kubeapi.Object {
	r := schema.GroupVersionResource{Group: "serving.knative.dev", Version: "v1", Resource: resource}
	return kubeapi.Object{Resource: r, Namespace: namespace, Name: name}
}

// podAutoscalers names the autoscaler of a revision, or all of a namespace.
func podAutoscalers(namespace, name string) kubeapi.Object {
	r := schema.GroupVersionResource{Group: "autoscaling.internal.knative.dev", Version: "v1alpha1", Resource: "podautoscalers"}
	return kubeapi.Object{Resource: r, Namespace: namespace, Name: name}
}

// definition names the definition of PodAutoscalers, whose labels hold the version of Knative Serving.
func definition() kubeapi.Object {
	r := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	return kubeapi.Object{Resource: r, Name: "podautoscalers.autoscaling.internal.knative.dev"}
}

// condition is what is read of a condition of Knative.
type condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// revision is what is read of a Revision.
type revision struct {
	metav1.ObjectMeta `json:"metadata"`

	Status struct {
		Conditions []condition `json:"conditions"`
	} `json:"status"`
}

// failing returns why a revision is not ready, "" if it is or will be.
func (r *revision) failing() string {
	for _, c := range r.Status.Conditions {
		if c.Type == "Ready" && c.Status == "False" {
			return c.Reason + ": " + c.Message
		}
	}
	return ""
}

// podAutoscaler is what is read of a PodAutoscaler.
type podAutoscaler struct {
	metav1.ObjectMeta `json:"metadata"`

	Status struct {
		DesiredScale *int32 `json:"desiredScale"`
		ActualScale  *int32 `json:"actualScale"`
	} `json:"status"`
}

// service is what is read of a Service of Knative.
type service struct {
	Status struct {
		URL     string `json:"url"`
		Address struct {
			URL string `json:"url"`
		} `json:"address"`
	} `json:"status"`
}

// named is an object of which the labels are read.
type named struct {
	metav1.ObjectMeta `json:"metadata"`
}

// versionPattern is how releases are written: v1.21.0 or 1.21.
var versionPattern = regexp.MustCompile(`^v?(\d{1,6})\.(\d{1,6})(?:[.\-+].*)?$`)

// holderOf returns which object holds the annotations in the release that the labels of Knative's definitions name.
func holderOf(labels map[string]string) (WritesTo, error) {
	text := cmp.Or(labels["app.kubernetes.io/version"], labels["serving.knative.dev/release"])
	if text == "devel" {
		return WritesToRevision, nil
	}
	m := versionPattern.FindStringSubmatch(text)
	if m == nil {
		return "", fmt.Errorf("the version %q of Knative Serving is not to be understood; set writes_to: %w", text, models.ErrInvalid)
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	if major > 1 || major == 1 && minor >= 21 {
		return WritesToRevision, nil
	}
	return WritesToPodAutoscaler, nil
}

// capacityOf reads the levers from annotations. No floor is 0, no maximum and no retention are unknown: the cluster's own
// configuration decides them.
func capacityOf(annotations map[string]string) (models.Capacity, error) {
	var c models.Capacity
	warm, _, err := number(annotations, minScale, oldMinScale)
	if err != nil {
		return c, err
	}
	c = c.WithWarm(warm)
	most, given, err := number(annotations, maxScale, oldMaxScale)
	if err != nil {
		return c, err
	}
	if given && most > 0 {
		c = c.WithMax(most)
	}
	if text := either(annotations, retention, oldRetention); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return c, fmt.Errorf("the annotation %s is %q, which is no duration", retention, text)
		}
		c = c.WithKeepAlive(d)
	}
	return c, nil
}

// either returns the annotation of the first of two names that is there.
func either(annotations map[string]string, name, older string) string {
	if text, ok := annotations[name]; ok {
		return text
	}
	return annotations[older]
}

// number reads a whole number from an annotation.
func number(annotations map[string]string, name, older string) (n int, given bool, err error) {
	text := either(annotations, name, older)
	if text == "" {
		return 0, false, nil
	}
	v, err := strconv.ParseInt(text, 10, 32)
	if err != nil || v < 0 {
		return 0, false, fmt.Errorf("the annotation %s is %q, which is no number from 0 on", name, text)
	}
	return int(v), true, nil
}

// annotationsOf returns the annotations that give the levers of to.
func annotationsOf(to models.Capacity) map[string]any {
	out := make(map[string]any)
	if n, ok := to.Warm(); ok {
		out[minScale] = strconv.Itoa(n)
	}
	if n, ok := to.Max(); ok {
		out[maxScale] = strconv.Itoa(n)
	}
	if d, ok := to.KeepAlive(); ok {
		out[retention] = d.String()
	}
	return out
}

// namePattern is what names of namespaces and services look like (RFC 1123 labels).
var namePattern = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// ref names a service, or a configuration without one.
type ref struct{ namespace, name string }

// parseRef reads namespace/service.
func parseRef(text string) (ref, error) {
	namespace, name, ok := strings.Cut(text, "/")
	if !ok || !namePattern.MatchString(namespace) || !namePattern.MatchString(name) {
		return ref{}, fmt.Errorf("ref %q is not namespace/service: %w", text, models.ErrInvalid)
	}
	return ref{namespace, name}, nil
}

// String renders the reference as it was written.
func (r ref) String() string { return r.namespace + "/" + r.name }
