package externalmetrics

import (
	"maps"
	"net/http"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"

	"pilotlight/api/inforce"
	"pilotlight/models"
)

// The labels that every target has beside its own.
const (
	labelTarget = "target"
	labelGroup  = "group"
)

// maxLabel is the greatest length of the value of a label in Kubernetes.
const maxLabel = validation.LabelValueMaxLength

// metric answers a request for the metric. All targets that the selector chooses are in the answer, and the autoscaler adds them up;
// if one of them is not known there is no answer, because a part of the sum would be too low.
func (s *server) metric(r *http.Request) (any, error) {
	if name := r.PathValue("metric"); name != MetricName {
		return nil, fail(http.StatusNotFound, "there is no metric %q, only %s", name, MetricName)
	}
	text := r.URL.Query().Get("labelSelector")
	selector, err := labels.Parse(text)
	if err != nil {
		return nil, fail(http.StatusBadRequest, "the label selector %q: %v", text, err)
	}
	if selector.Empty() {
		return nil, fail(http.StatusBadRequest, "without a label selector all targets would be added up: select one by target=ID, or several by their labels")
	}
	chosen, err := s.choose(selector)
	if err != nil {
		return nil, err
	}
	list := v1beta1.ExternalMetricValueList{
		TypeMeta: metav1.TypeMeta{Kind: "ExternalMetricValueList", APIVersion: v1beta1.SchemeGroupVersion.String()},
		Items:    []v1beta1.ExternalMetricValue{},
	}
	for i := range chosen {
		floor, err := s.deps.Floors.FloorOf(&chosen[i])
		if err != nil {
			return nil, err
		}
		list.Items = append(list.Items, v1beta1.ExternalMetricValue{
			MetricName: MetricName, MetricLabels: labelsOf(&floor.Target), Timestamp: metav1.NewTime(floor.Decided.UTC()),
			Value: *resource.NewQuantity(int64(floor.Instances), resource.DecimalSI),
		})
	}
	return list, nil
}

// choose returns the targets that the selector matches; at least one.
func (s *server) choose(selector labels.Selector) ([]models.TargetStatus, error) {
	fleet := s.deps.Floors.Fleet
	if fleet.LastStep().IsZero() {
		return nil, inforce.ErrNotReady
	}
	name, byName := selector.RequiresExactMatch(labelTarget)
	var candidates []models.TargetStatus
	exact := false
	if byName {
		if status, err := fleet.Target(models.TargetID(name)); err == nil {
			candidates, exact = []models.TargetStatus{status}, true
		}
	}
	if !exact {
		candidates = fleet.Targets()
	}
	var chosen []models.TargetStatus
	for i := range candidates {
		if selector.Matches(labels.Set(labelsOf(&candidates[i].Target))) {
			chosen = append(chosen, candidates[i])
		}
	}
	switch {
	case len(chosen) == 0:
		return nil, fail(http.StatusNotFound, "no target matches %q; GET /api/v1/targets lists them with their labels", selector)
	case byName && len(chosen) > 1:
		return nil, fail(http.StatusConflict, "the targets %q and %q are both target=%s here; select one by its labels",
			chosen[0].Target.ID, chosen[1].Target.ID, name)
	}
	return chosen, nil
}

// labelsOf returns what a target can be selected by: its own labels, as far as Kubernetes allows them, its name and its group.
func labelsOf(t *models.Target) map[string]string {
	own := maps.Clone(t.Labels)
	maps.DeleteFunc(own, func(name, value string) bool {
		return len(validation.IsQualifiedName(name)) > 0 || len(validation.IsValidLabelValue(value)) > 0
	})
	if own == nil {
		own = map[string]string{}
	}
	own[labelTarget], own[labelGroup] = labelValue(string(t.ID)), labelValue(t.Group)
	return own
}

// labelValue makes a text fit for the value of a label: what Kubernetes does not allow becomes an underscore, at the ends it is
// dropped, and there are at most 63 characters. A text that is allowed stays as it is.
func labelValue(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '_'
	}, text)
	text = strings.TrimLeft(text, "-_.")
	return strings.TrimRight(text[:min(len(text), maxLabel)], "-_.")
}
