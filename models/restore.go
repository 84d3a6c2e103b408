package models

// RestoreStatus says what became of a target that was to get back the capacity it had before Pilotlight.
type RestoreStatus string

// The ends of restoring a target.
const (
	// RestoreDue: it has another capacity; what would be changed was only asked for.
	RestoreDue RestoreStatus = "due"
	// RestoreDone: it has the capacity that it had before, and counts as untouched from now on.
	RestoreDone RestoreStatus = "restored"
	// RestoreSame: it had that capacity already.
	RestoreSame RestoreStatus = "unchanged"
	// RestoreLeft: somebody else has changed it since, so it is left as it is.
	RestoreLeft RestoreStatus = "left"
	// RestoreFailed: it could not be restored; try again.
	RestoreFailed RestoreStatus = "failed"
)

// RestoreOrder asks to give targets back the capacity that they had before Pilotlight first changed it.
type RestoreOrder struct {
	// Targets are those to restore; none is all that Pilotlight has changed.
	Targets []TargetID
	// DryRun only says what would be changed.
	DryRun bool
	// By and Note are the operator who asks, and why.
	By, Note string
}

// Restored is what became of one target of a RestoreOrder.
type Restored struct {
	Target TargetID
	// Actuator and Ref name it on its platform.
	Actuator, Ref string
	// Current is the capacity that the platform showed before, Original the one to have.
	Current, Original Capacity
	Status            RestoreStatus
	// Why says why it could not be restored, or not wholly; may be empty.
	Why string
}
