package cloudrun

import (
	"errors"
	"fmt"
	"strings"

	run "google.golang.org/api/run/v2"

	"pilotlight/actuators"
	"pilotlight/actuators/webapi"
	"pilotlight/models"
)

// The fields that are written, as paths of an update mask.
const (
	pathMin         = "scaling.minInstanceCount"
	pathMax         = "scaling.maxInstanceCount"
	pathRevisionMax = "template.scaling.maxInstanceCount"
	pathRevision    = "template.revision"
)

// state is the scaling of a service.
type state struct {
	etag string
	// warm is the floor of the service, most its maximum; 0 is none.
	warm, most int
	// byHand says that the service has a fixed number of instances, warm.
	byHand bool
	// revisionMin and revisionMax are those of the revision template; 0 is none.
	revisionMin, revisionMax int
	// named says that the template names its revision, which a new revision cannot have again.
	named bool
	// reconciling says that an earlier change is still being carried out; failure why the last one failed.
	reconciling bool
	failure     string
}

// stateOf takes the state out of an answer.
func stateOf(s *run.GoogleCloudRunV2Service) (state, error) {
	if s.Name == "" || s.Etag == "" {
		return state{}, errors.New("the answer lacks the name or the version of the service")
	}
	out := state{etag: s.Etag, reconciling: s.Reconciling}
	if s.Scaling != nil {
		out.warm, out.most = int(s.Scaling.MinInstanceCount), int(s.Scaling.MaxInstanceCount)
		if s.Scaling.ScalingMode == "MANUAL" {
			out.byHand, out.warm = true, int(s.Scaling.ManualInstanceCount)
		}
	}
	if s.Template != nil {
		out.named = s.Template.Revision != ""
		if s.Template.Scaling != nil {
			out.revisionMin, out.revisionMax = int(s.Template.Scaling.MinInstanceCount), int(s.Template.Scaling.MaxInstanceCount)
		}
	}
	if c := s.TerminalCondition; c != nil && c.State == "CONDITION_FAILED" {
		out.failure = webapi.Line(strings.TrimSpace(strings.Join([]string{c.Reason + c.RevisionReason, c.Message}, " ")))
		if out.failure == "" {
			out.failure = "Cloud Run gave no reason"
		}
	}
	return out, nil
}

// ceiling is the greatest number of instances the service can have, 0 for none that is set.
func (s state) ceiling() int {
	switch {
	case s.most == 0:
		return s.revisionMax
	case s.revisionMax == 0:
		return s.most
	default:
		return min(s.most, s.revisionMax)
	}
}

// observation returns the state in the words of Pilotlight.
func (s state) observation(which Max) models.Observation {
	obs := models.Observation{
		Capacity: models.Warm(s.warm), Ready: -1, Pending: s.reconciling, Note: strings.Join(s.notes(), "; "),
	}
	switch {
	case which == MaxService && s.most > 0:
		obs.Capacity = obs.Capacity.WithMax(s.most)
	case which == MaxRevision && s.revisionMax > 0:
		obs.Capacity = obs.Capacity.WithMax(s.revisionMax)
	}
	return obs
}

// notes says what is peculiar about the state.
func (s state) notes() (notes []string) {
	if s.reconciling {
		notes = append(notes, "Cloud Run is still carrying out an earlier change")
	}
	if s.failure != "" {
		notes = append(notes, "the last change failed: "+s.failure)
	}
	if s.byHand {
		notes = append(notes, fmt.Sprintf("scaled by hand to %d instances, so that there is no floor to set", s.warm))
		return notes
	}
	if s.revisionMin > 0 {
		notes = append(notes, fmt.Sprintf("the revision has a minimum of its own, %d, besides that of the service; "+
			"remove it from the template, since tagged revisions keep it without traffic", s.revisionMin))
	}
	if most := s.ceiling(); most > 0 && s.warm > most {
		notes = append(notes, fmt.Sprintf("the floor %d is above the maximum %d, which bounds it", s.warm, most))
	}
	return notes
}

// change is what a write changes.
type change struct {
	mask []string
	body *run.GoogleCloudRunV2Service
}

// change returns what must be written to reach a capacity, with an empty mask for nothing. It fails with an *actuators.Error
// if the service cannot have it. What was there before may be given back, also a floor above the maximum, since Google took it once.
func (s state) change(to models.Capacity, which Max, restores bool) (change, error) {
	after, scaling := s, &run.GoogleCloudRunV2ServiceScaling{}
	out := change{body: &run.GoogleCloudRunV2Service{Etag: s.etag}}
	if warm, ok := to.Warm(); ok && warm != s.warm {
		after.warm = warm
		out.mask = append(out.mask, pathMin)
		scaling.MinInstanceCount = int64(warm)
		scaling.ForceSendFields = append(scaling.ForceSendFields, "MinInstanceCount")
	}
	if most, ok := to.Max(); ok && which == MaxService && most != s.most {
		after.most = most
		out.mask = append(out.mask, pathMax)
		scaling.MaxInstanceCount = int64(most)
	} else if ok && which == MaxRevision && most != s.revisionMax {
		after.revisionMax = most
		out.addRevisionMax(most, s.named)
	}
	if len(scaling.ForceSendFields) > 0 || scaling.MaxInstanceCount > 0 {
		out.body.Scaling = scaling
	}
	if len(out.mask) == 0 {
		return out, nil
	}
	return out, after.check(s, restores)
}

// addRevisionMax adds the maximum of the revision template. A template that names its revision loses the name, which would be
// refused since it is there already; Google then makes a new one.
func (c *change) addRevisionMax(most int, named bool) {
	c.mask = append(c.mask, pathRevisionMax)
	c.body.Template = &run.GoogleCloudRunV2RevisionTemplate{
		Scaling: &run.GoogleCloudRunV2RevisionScaling{MaxInstanceCount: int64(most)},
	}
	if named {
		c.mask = append(c.mask, pathRevision)
	}
}

// check says why a service cannot go from another state to this one. A floor that is above the maximum already may be lowered.
func (s state) check(from state, restores bool) error {
	most := s.ceiling()
	over := most > 0 && s.warm > most
	switch {
	case s.byHand:
		return &actuators.Error{Kind: models.KindInvalid, Op: "check", Err: fmt.Errorf("the service is scaled by hand, so that Cloud Run "+
			"ignores minimum and maximum; set it to automatic scaling or leave it out: %w", models.ErrInvalid)}
	case restores:
		return nil
	case over && s.warm > from.warm:
		return &actuators.Error{Kind: models.KindQuota, Op: "check", Err: fmt.Errorf("a floor of %d is above the maximum of %d instances "+
			"of the service or its revision; raise that or lower max_warm", s.warm, most)}
	case over && (from.ceiling() == 0 || most < from.ceiling()):
		return &actuators.Error{Kind: models.KindInvalid, Op: "check", Err: fmt.Errorf("a maximum of %d is below the floor %d: %w",
			most, s.warm, models.ErrInvalid)}
	}
	return nil
}
