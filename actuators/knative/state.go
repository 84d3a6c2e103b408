package knative

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pilotlight/actuators"
	"pilotlight/actuators/kubeapi"
	"pilotlight/models"
)

// versionTTL is how long is remembered which object holds the annotations; Knative is upgraded rarely.
const versionTTL = 10 * time.Minute

// part is one active revision of a target.
type part struct {
	revision string
	have     models.Capacity
	// holder is the object whose annotations hold the levers, version its resource version.
	holder  kubeapi.Object
	version string
	// taken says that the autoscaler has what the holder asks for.
	taken bool
	// desired and actual are the instances that the autoscaler wants and has; -1 is unknown.
	desired, actual int
	failing         string
}

// state is what the active revisions of a target have, in order of their names.
type state struct {
	parts []part
	have  models.Capacity
}

// holder returns which object holds the annotations.
func (a *Actuator) holder(ctx context.Context) (WritesTo, error) {
	if a.config.WritesTo != WritesToAuto {
		return a.config.WritesTo, nil
	}
	a.mu.Lock()
	known, at := a.known, a.knownAt
	a.mu.Unlock()
	now := a.now()
	if known != "" && now.Sub(at) < versionTTL {
		return known, nil
	}
	crd, err := kubeapi.Get[named](ctx, a.client, definition())
	if e, ok := errors.AsType[*actuators.Error](err); ok && e.Kind == models.KindNotFound {
		e.Kind, e.Err = models.KindPermanent, fmt.Errorf("is Knative Serving installed? its definition is not: %w", e.Err)
	}
	if err != nil {
		return "", err
	}
	found, err := holderOf(crd.Labels)
	if err != nil {
		return "", &actuators.Error{Kind: models.KindPermanent, Op: "read the version of Knative Serving", Err: err}
	}
	a.mu.Lock()
	a.known, a.knownAt = found, now
	a.mu.Unlock()
	return found, nil
}

// look reads the state of a target.
func (a *Actuator) look(ctx context.Context, r ref) (state, error) {
	holder, err := a.holder(ctx)
	if err != nil {
		return state{}, err
	}
	label := configurationLabel + "=" + r.name
	revisions, err := kubeapi.List[revision](ctx, a.client, serving("revisions", r.namespace, ""), label+","+activeRevisions)
	if err != nil {
		return state{}, err
	}
	if len(revisions) == 0 {
		// Is there such a service at all?
		_, err := kubeapi.Get[named](ctx, a.client, serving("configurations", r.namespace, r.name))
		return state{}, err
	}
	scalers, err := kubeapi.List[podAutoscaler](ctx, a.client, podAutoscalers(r.namespace, ""), label)
	if err != nil {
		return state{}, err
	}
	byName := make(map[string]*podAutoscaler, len(scalers))
	for i := range scalers {
		byName[scalers[i].Name] = &scalers[i]
	}
	slices.SortFunc(revisions, func(a, b revision) int { return strings.Compare(a.Name, b.Name) })
	var s state
	for i := range revisions {
		p, err := partOf(&revisions[i], byName[revisions[i].Name], holder)
		if err != nil {
			return state{}, &actuators.Error{Kind: models.KindPermanent, Op: "read revision " + r.namespace + "/" + revisions[i].Name, Err: err}
		}
		s.parts = append(s.parts, p)
	}
	s.have = lowest(s.parts)
	return s, nil
}

// partOf reads one revision and its autoscaler, which may not be there yet.
func partOf(r *revision, pa *podAutoscaler, holder WritesTo) (part, error) {
	p := part{revision: r.Name, desired: -1, actual: -1, failing: r.failing()}
	if pa != nil {
		p.desired, p.actual = or(pa.Status.DesiredScale, -1), or(pa.Status.ActualScale, 0)
	}
	var err error
	if holder == WritesToRevision {
		p.holder, p.version = serving("revisions", r.Namespace, r.Name), r.ResourceVersion
		p.have, err = capacityOf(r.Annotations)
	} else if p.taken = true; pa != nil {
		p.holder, p.version = podAutoscalers(r.Namespace, r.Name), pa.ResourceVersion
		p.have, err = capacityOf(pa.Annotations)
	}
	if err != nil || pa == nil || p.taken {
		return p, err
	}
	seen, err := capacityOf(pa.Annotations)
	p.taken = seen == p.have
	return p, err
}

// or returns the number, or what stands for a missing one.
func or(n *int32, missing int) int {
	if n == nil {
		return missing
	}
	return int(*n)
}

// lowest returns the capacity that every part has at least; a lever that one lacks is unknown.
func lowest(parts []part) models.Capacity {
	if len(parts) == 0 {
		return models.Capacity{}
	}
	c := parts[0].have
	for _, p := range parts[1:] {
		shared := c.Levers() & p.have.Levers()
		warm, _ := p.have.Warm()
		most, _ := p.have.Max()
		keep, _ := p.have.KeepAlive()
		w, _ := c.Warm()
		m, _ := c.Max()
		k, _ := c.KeepAlive()
		c = models.Warm(min(w, warm)).WithMax(min(m, most)).WithKeepAlive(min(k, keep)).Only(shared)
	}
	return c
}

// asleep reports whether the autoscaler of a revision ignores the floor until a request comes: it has no instance and no
// idea of how many there should be.
func (p *part) asleep() bool {
	return p.desired < 0 && p.actual == 0
}

// pending reports whether the floor is still being reached.
func (p *part) pending() bool {
	warm, _ := p.have.Warm()
	return p.failing == "" && (!p.taken || warm > 0 && !p.asleep() && p.actual < warm)
}

// observation returns the state in the words of Pilotlight. With several active revisions it is that of the one with the
// least.
func (s *state) observation() models.Observation {
	if len(s.parts) == 0 {
		return models.Observation{Ready: 0, Note: "no revision is active yet"}
	}
	obs := models.Observation{Capacity: s.have, Ready: s.parts[0].actual}
	var notes []string
	total := 0
	for i := range s.parts {
		p := &s.parts[i]
		if obs.Holder != "" {
			obs.Holder += " "
		}
		obs.Holder += p.revision
		obs.Ready = min(obs.Ready, p.actual)
		total += max(0, p.actual)
		obs.Pending = obs.Pending || p.pending()
		warm, _ := p.have.Warm()
		switch {
		case p.failing != "":
			notes = append(notes, p.revision+" is not ready: "+p.failing)
		case warm > 0 && p.asleep():
			notes = append(notes, p.revision+" sleeps, and its autoscaler ignores the floor until a request comes; send one, or set wake")
		}
		if p.have != s.have {
			notes = append(notes, p.revision+" has "+p.have.String())
		}
	}
	if len(s.parts) > 1 {
		notes = append(notes, fmt.Sprintf("%d revisions are active, with %d instances", len(s.parts), total))
	}
	obs.Note = strings.Join(notes, "; ")
	return obs
}
