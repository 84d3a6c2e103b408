package externalmetrics

import (
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
)

// version is the one version of the group.
func version() metav1.GroupVersionForDiscovery {
	return metav1.GroupVersionForDiscovery{GroupVersion: v1beta1.SchemeGroupVersion.String(), Version: v1beta1.SchemeGroupVersion.Version}
}

// group describes the group.
func group() metav1.APIGroup {
	return metav1.APIGroup{
		TypeMeta: metav1.TypeMeta{Kind: "APIGroup", APIVersion: "v1"}, Name: v1beta1.GroupName,
		Versions: []metav1.GroupVersionForDiscovery{version()}, PreferredVersion: version(),
	}
}

// groups lists the one group.
func groups() metav1.APIGroupList {
	g := group()
	g.TypeMeta = metav1.TypeMeta{}
	return metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}, Groups: []metav1.APIGroup{g}}
}

// resources lists the one metric.
func resources() metav1.APIResourceList {
	return metav1.APIResourceList{
		TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: v1beta1.SchemeGroupVersion.String(),
		APIResources: []metav1.APIResource{{
			Name: MetricName, Namespaced: true, Kind: "ExternalMetricValueList", Verbs: metav1.Verbs{"get"},
		}},
	}
}

// document returns the document of a path, all of which never change.
func document(r *http.Request) (any, error) {
	switch r.URL.Path {
	case pathGroups:
		return groups(), nil
	case pathGroup:
		return group(), nil
	case pathResources:
		return resources(), nil
	}
	return nil, fail(http.StatusNotFound, "there is no path %q", r.URL.Path)
}
