package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"pilotlight/actuators"
	"pilotlight/actuators/kubeapi"
	"pilotlight/models"
)

// scaledObjectKind is the kind of KEDA's objects.
const scaledObjectKind = "ScaledObject"

// kedaGroup is the API group of KEDA.
const kedaGroup = "keda.sh"

// hpas and scaledObjects name all autoscalers of a namespace, or the one of that name.
func hpas(namespace, name string) kubeapi.Object {
	resource := schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}
	return kubeapi.Object{Resource: resource, Namespace: namespace, Name: name}
}

func scaledObjects(namespace, name string) kubeapi.Object {
	resource := schema.GroupVersionResource{Group: kedaGroup, Version: "v1alpha1", Resource: "scaledobjects"}
	return kubeapi.Object{Resource: resource, Namespace: namespace, Name: name}
}

// owner is the autoscaler that sets the replicas of a workload. The zero owner is none.
type owner struct {
	scaledObject bool
	name         string
}

// String renders the owner for people.
func (o owner) String() string {
	if o.scaledObject {
		return scaledObjectKind + " " + o.name
	}
	return "HorizontalPodAutoscaler " + o.name
}

// listing is what autoscalers a namespace had.
type listing struct {
	at time.Time
	// begun places the beginning of the listing among the calls of ownerOf; 0 is no listing.
	begun   int64
	plain   []autoscalingv2.HorizontalPodAutoscaler
	objects []scaledObject
}

// owners remembers the autoscalers of namespaces.
type owners struct {
	mu    sync.Mutex
	ofs   map[string]listing
	busy  map[string]chan struct{}
	calls int64
}

// next counts up.
func (o *owners) next() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls++
	return o.calls
}

// get returns what is remembered of a namespace, and whether it is from notBefore on.
func (o *owners) get(namespace string, notBefore time.Time) (listing, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l, ok := o.ofs[namespace]
	return l, ok && !l.at.Before(notBefore)
}

// put remembers.
func (o *owners) put(namespace string, l listing) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ofs == nil {
		o.ofs = make(map[string]listing)
	}
	o.ofs[namespace] = l
}

// forget makes the next call ask.
func (o *owners) forget(namespace string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.ofs, namespace)
}

// turn waits until nobody else lists a namespace, so that many targets of one share a listing. done ends the turn.
func (o *owners) turn(ctx context.Context, namespace string) (done func(), err error) {
	o.mu.Lock()
	if o.busy == nil {
		o.busy = make(map[string]chan struct{})
	}
	one, ok := o.busy[namespace]
	if !ok {
		one = make(chan struct{}, 1)
		o.busy[namespace] = one
	}
	o.mu.Unlock()
	select {
	case one <- struct{}{}:
		return func() { <-one }, nil
	case <-ctx.Done():
		return nil, &actuators.Error{Kind: models.KindTimeout, Op: "wait for the autoscalers of " + namespace, Err: actuators.Ended(ctx)}
	}
}

// ownerOf returns which autoscaler sets the replicas of a workload, by lists of the namespace that are no older than
// owners_ttl. With anew it says that there is none only by lists that were asked for after it was called.
func (a *Actuator) ownerOf(ctx context.Context, r ref, anew bool) (owner, error) {
	call, now := a.owners.next(), a.now()
	oldest := now.Add(-a.config.OwnersTTL.Std())
	if l, known := a.owners.get(r.namespace, oldest); known {
		found, err := l.owner(r)
		if err != nil || found != (owner{}) || !anew {
			return found, err
		}
	}
	done, err := a.owners.turn(ctx, r.namespace)
	if err != nil {
		return owner{}, err
	}
	defer done()
	if l, known := a.owners.get(r.namespace, oldest); l.begun > call || known && !anew {
		return l.owner(r)
	}
	begun := a.owners.next()
	l, err := a.list(ctx, r.namespace, now)
	if err != nil {
		return owner{}, err
	}
	l.begun = begun
	a.owners.put(r.namespace, l)
	return l.owner(r)
}

// list asks for the autoscalers of a namespace.
func (a *Actuator) list(ctx context.Context, namespace string, now time.Time) (listing, error) {
	l := listing{at: now}
	var err error
	if l.plain, err = kubeapi.List[autoscalingv2.HorizontalPodAutoscaler](ctx, a.client, hpas(namespace, ""), ""); err != nil {
		return l, err
	}
	if !a.config.KEDA {
		return l, nil
	}
	l.objects, err = kubeapi.List[scaledObject](ctx, a.client, scaledObjects(namespace, ""), "")
	if e, ok := errors.AsType[*actuators.Error](err); ok {
		switch e.Kind { //nolint:exhaustive // the others say enough
		case models.KindNotFound:
			// KEDA is not installed.
			return l, nil
		case models.KindUnauthorized:
			e.Err = fmt.Errorf("without ScaledObjects an owner could be overlooked; allow it, or set keda: false if there is no KEDA: %w", e.Err)
		}
	}
	return l, err
}

// owner returns the only autoscaler of a workload. More than one, or one that cannot be seen, is a conflict.
func (l listing) owner(r ref) (owner, error) {
	found, hidden := l.candidates(r)
	op := "find the autoscaler of " + r.String()
	switch {
	case len(found) > 1:
		var names []string
		for _, o := range found {
			names = append(names, o.String())
		}
		slices.Sort(names)
		return owner{}, &actuators.Error{Kind: models.KindConflict, Op: op, Err: fmt.Errorf(
			"%s scale the same workload against each other; keep one of them", strings.Join(names, " and "))}
	case hidden != "":
		return owner{}, &actuators.Error{Kind: models.KindConflict, Op: op, Err: fmt.Errorf(
			"HorizontalPodAutoscaler %s is made by KEDA, but its ScaledObject is not to be seen; set keda: true, or see why it is gone", hidden)}
	case len(found) == 1:
		return found[0], nil
	}
	return owner{}, nil
}

// candidates returns the autoscalers that mean a workload, and the name of a HorizontalPodAutoscaler that KEDA made for a
// ScaledObject that is not to be seen.
func (l listing) candidates(r ref) (found []owner, hidden string) {
	for i := range l.objects {
		if l.objects[i].targets(r) {
			found = append(found, owner{scaledObject: true, name: l.objects[i].Name})
		}
	}
	for i := range l.plain {
		h := &l.plain[i]
		if !r.is(h.Spec.ScaleTargetRef.Kind, h.Spec.ScaleTargetRef.Name, h.Spec.ScaleTargetRef.APIVersion) {
			continue
		}
		switch made, by := madeByKEDA(h); {
		case !made && !l.names(h.Name):
			found = append(found, owner{name: h.Name})
		case made && !slices.ContainsFunc(l.objects, func(s scaledObject) bool { return s.Name == by }):
			hidden = h.Name
		}
	}
	return found, hidden
}

// names reports whether the status of a ScaledObject names that HorizontalPodAutoscaler as its own.
func (l listing) names(hpa string) bool {
	return slices.ContainsFunc(l.objects, func(s scaledObject) bool { return s.Status.HPAName == hpa })
}

// madeByKEDA returns which ScaledObject an HorizontalPodAutoscaler belongs to.
func madeByKEDA(h *autoscalingv2.HorizontalPodAutoscaler) (made bool, by string) {
	c := metav1.GetControllerOf(h)
	if c == nil || c.Kind != scaledObjectKind || !strings.HasPrefix(c.APIVersion, kedaGroup+"/") {
		return false, ""
	}
	return true, c.Name
}
