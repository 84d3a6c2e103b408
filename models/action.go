package models

import "time"

// ErrorKind classifies what a platform answered, so that the caller knows what can succeed later.
type ErrorKind string

// The kinds of errors of a platform.
const (
	// KindThrottled: asked too often; try again after RetryAfter.
	KindThrottled ErrorKind = "throttled"
	// KindUnauthorized: credentials or permissions are wrong; retrying does not help.
	KindUnauthorized ErrorKind = "unauthorized"
	// KindNotFound: the target is not there.
	KindNotFound ErrorKind = "not_found"
	// KindConflict: another change is under way or came first; observe, then decide anew.
	KindConflict ErrorKind = "conflict"
	// KindInvalid: the platform refuses the request as it is; retrying does not help.
	KindInvalid ErrorKind = "invalid"
	// KindQuota: a limit of the account or platform is reached.
	KindQuota ErrorKind = "quota"
	// KindTransient: a failure that may pass, such as a 5xx answer or a broken connection.
	KindTransient ErrorKind = "transient"
	// KindTimeout: no answer in time; the write may or may not have happened.
	KindTimeout ErrorKind = "timeout"
	// KindPermanent: anything else.
	KindPermanent ErrorKind = "permanent"
)

// ErrorKinds returns all kinds.
func ErrorKinds() []ErrorKind {
	return []ErrorKind{
		KindThrottled, KindUnauthorized, KindNotFound, KindConflict, KindInvalid, KindQuota, KindTransient, KindTimeout,
		KindPermanent,
	}
}

// Action is the intent to give a target an absolute capacity. It is recorded durably before it is sent. The same ID is never
// carried out twice with effect: capacity is absolute, so repeating it changes nothing.
type Action struct {
	ID       string   `json:"id"`
	Decision string   `json:"decision"`
	Target   TargetID `json:"target"`
	// From is the capacity seen before, To the one to have.
	From Capacity `json:"from"`
	To   Capacity `json:"to"`
	// Actuator and Ref name the target on its platform.
	Actuator string `json:"actuator,omitempty"`
	Ref      string `json:"ref,omitempty"`
	// Restores says that To is what was there before Pilotlight first changed it. The platform is given exactly that, also where an
	// adapter would keep a last warm instance.
	Restores bool `json:"restores,omitempty"`
	// Issued is when the action was recorded; from Expires on it must not be sent any more.
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"`
}

// OutcomeStatus says how an action ended.
type OutcomeStatus string

// The ends of an action.
const (
	// OutcomeApplied: the platform has the capacity asked for, or is on its way to it.
	OutcomeApplied OutcomeStatus = "applied"
	// OutcomeFailed: the platform refused, or did not show the capacity when read back.
	OutcomeFailed OutcomeStatus = "failed"
	// OutcomeDryRun: held back by dry-run mode.
	OutcomeDryRun OutcomeStatus = "dry_run"
	// OutcomePaused: held back because Pilotlight is paused.
	OutcomePaused OutcomeStatus = "paused"
	// OutcomeHeld: held back by another check of the gate, which Held names.
	OutcomeHeld OutcomeStatus = "held"
	// OutcomeExpired: not sent in time.
	OutcomeExpired OutcomeStatus = "expired"
	// OutcomeUnknown: the process ended between intent and outcome, and the platform does not show the capacity.
	OutcomeUnknown OutcomeStatus = "unknown"
)

// Marks are what a restart must remember of a target's past actions.
type Marks struct {
	// LastUp and LastDown are when the floor was last raised and lowered by Pilotlight.
	LastUp   time.Time `json:"last_up,omitzero"`
	LastDown time.Time `json:"last_down,omitzero"`
	// LastMemory is when the memory was last changed by Pilotlight, in seconds since 1970: short, for every target has it.
	LastMemory int64 `json:"last_memory_s,omitempty"`
	// Set is the capacity Pilotlight last gave; a different one observed later is an out-of-band change.
	Set Capacity `json:"set"`
	// Original is the capacity before Pilotlight first changed it.
	Original Capacity `json:"original"`
	// Actuator and Ref name what was changed on its platform, Holder what held the capacity there then; see Observation.
	Actuator string `json:"actuator,omitempty"`
	Ref      string `json:"ref,omitempty"`
	Holder   string `json:"holder,omitempty"`
}

// Touched reports whether Pilotlight has changed something that is not restored.
func (m *Marks) Touched() bool { return m.Set.Levers() != 0 || m.Original.Levers() != 0 }

// Released returns the marks of a target that counts as untouched from now on: only the times are left, for the cooldowns.
func (m *Marks) Released() Marks {
	return Marks{LastUp: m.LastUp, LastDown: m.LastDown, LastMemory: m.LastMemory}
}

// ReleasedOf returns the marks after these levers have been given back: what is left is still to be, and if nothing is, the target counts as
// untouched.
func (m *Marks) ReleasedOf(levers Lever) Marks {
	if levers.Has(m.Original.Levers()) {
		return m.Released()
	}
	left := *m
	left.Set, left.Original = m.Set.Only(^levers), m.Original.Only(^levers)
	return left
}

// Outcome is how an action ended. It is recorded durably.
type Outcome struct {
	Action   string        `json:"action"`
	Decision string        `json:"decision"`
	Target   TargetID      `json:"target"`
	At       time.Time     `json:"at"`
	Status   OutcomeStatus `json:"status"`
	// Observed is the capacity read back afterwards; unset levers are unknown.
	Observed Capacity `json:"observed"`
	// Kind and Error say what the platform answered to a failed action.
	Kind  ErrorKind `json:"kind,omitempty"`
	Error string    `json:"error,omitempty"`
	// Held is the check of the gate that held an action of status held back, "" for others.
	Held ReasonCode `json:"held,omitempty"`
	// Marks are the target's marks after this outcome.
	Marks Marks `json:"marks"`
}

// Observation is the state of a target on its platform.
type Observation struct {
	// Capacity holds the levers that the platform shows.
	Capacity Capacity
	// Ready is the number of warm instances that are ready now; -1 is unknown.
	Ready int
	// Pending says that the platform is still carrying out an earlier change.
	Pending bool
	// Holder names what on the platform holds the capacity where the platform makes that anew by itself, such as the revisions of a
	// service; several are separated by spaces. "" is a platform that does not.
	Holder string
	// Assumed says that the platform could not be asked, and that Capacity is what the adapter takes it to be: it neither confirms nor
	// refutes a write. An adapter learns at the start what the journal knows; see actuators.Recaller.
	Assumed bool
	// Note says what is peculiar about the state, such as why the last change failed; may be empty.
	Note string
}
