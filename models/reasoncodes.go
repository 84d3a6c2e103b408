package models

import "slices"

// The reason codes. Each has a meaning in the table below; a test checks that none lacks one.
const (
	ReasonReactive          ReasonCode = "reactive"
	ReasonPredicted         ReasonCode = "predicted"
	ReasonMarginalValue     ReasonCode = "marginal_value"
	ReasonKeepAlive         ReasonCode = "keep_alive"
	ReasonRenewal           ReasonCode = "renewal"
	ReasonStrategy          ReasonCode = "cheapest_strategy"
	ReasonNoForecast        ReasonCode = "no_forecast"
	ReasonShortHistory      ReasonCode = "insufficient_history"
	ReasonNoSkill           ReasonCode = "no_skill"
	ReasonDrift             ReasonCode = "load_shift"
	ReasonMissingHold       ReasonCode = "missing_data_hold"
	ReasonMissingFloor      ReasonCode = "missing_data_floor"
	ReasonMissingScaleUp    ReasonCode = "missing_data_scale_up"
	ReasonInvalidInput      ReasonCode = "invalid_input"
	ReasonMinBound          ReasonCode = "min_bound"
	ReasonMaxBound          ReasonCode = "max_bound"
	ReasonStepUp            ReasonCode = "step_up"
	ReasonStepDown          ReasonCode = "step_down"
	ReasonCooldownUp        ReasonCode = "cooldown_up"
	ReasonCooldownDown      ReasonCode = "cooldown_down"
	ReasonStabilised        ReasonCode = "stabilised"
	ReasonScaleToZero       ReasonCode = "scale_to_zero_delayed"
	ReasonRestart           ReasonCode = "keep_after_restart"
	ReasonUnchanged         ReasonCode = "unchanged"
	ReasonCurrentUnknown    ReasonCode = "current_unknown"
	ReasonOutOfBand         ReasonCode = "out_of_band_change"
	ReasonPending           ReasonCode = "change_pending"
	ReasonPaused            ReasonCode = "paused"
	ReasonTargetInTwoPlaces ReasonCode = "target_conflict"
	ReasonPlatform          ReasonCode = "platform_shape"
	ReasonRateUp            ReasonCode = "rate_up"
	ReasonRateDown          ReasonCode = "rate_down"
	ReasonEconomy           ReasonCode = "few_changes"
	ReasonFreeze            ReasonCode = "frozen"
	ReasonCanary            ReasonCode = "canary"
	ReasonQuota             ReasonCode = "quota"
	ReasonBudget            ReasonCode = "budget"
	ReasonOverLimit         ReasonCode = "over_shared_limit"
	ReasonObjective         ReasonCode = "objective"
	ReasonObjectiveOut      ReasonCode = "objective_out_of_reach"
	ReasonLead              ReasonCode = "lead_measured"
	ReasonPanic             ReasonCode = "internal_error"
	ReasonBackOff           ReasonCode = "back_off"
	ReasonUnavailable       ReasonCode = "platform_unavailable"
	ReasonOutOfBandOver     ReasonCode = "out_of_band_over"
	ReasonRestored          ReasonCode = "restored"
	ReasonStopped           ReasonCode = "restore_stopped"
	ReasonMoved             ReasonCode = "target_moved"
	ReasonForgotten         ReasonCode = "target_forgotten"
	ReasonDryRun            ReasonCode = "dry_run"
	ReasonJournal           ReasonCode = "journal_unwritable"
	ReasonApproval          ReasonCode = "approval_missing"
	ReasonOutdated          ReasonCode = "decision_outdated"
	ReasonGateBounds        ReasonCode = "gate_bounds"
	ReasonLease             ReasonCode = "lease"
	ReasonExpired           ReasonCode = "expired"
	ReasonChanged           ReasonCode = "current_changed"
	ReasonHint              ReasonCode = "hint"
	ReasonHintFloor         ReasonCode = "hint_floor"
	ReasonMemoryPeak        ReasonCode = "memory_peak"
	ReasonMemoryRisk        ReasonCode = "memory_near_limit"
	ReasonMemoryLearning    ReasonCode = "memory_short_history"
	ReasonMemorySmall       ReasonCode = "memory_small_gain"
	ReasonMemoryCPU         ReasonCode = "memory_less_cpu"
	ReasonMemorySlower      ReasonCode = "memory_slower"
	ReasonMemoryCooldown    ReasonCode = "memory_cooldown"
	ReasonSuperseded        ReasonCode = "superseded"
	ReasonAssert            ReasonCode = "set_again"
	ReasonAssertLater       ReasonCode = "set_again_later"
	ReasonRehearsed         ReasonCode = "rehearsed"
	ReasonRehearsalRefused  ReasonCode = "rehearsal_refused"
	ReasonRehearsalFailed   ReasonCode = "rehearsal_failed"
)

// reasonMeanings explains each code in words a stranger understands.
//
//nolint:gochecknoglobals // a constant table
var reasonMeanings = map[ReasonCode]string{
	ReasonReactive:          "instances that the load of the last minutes needs",
	ReasonPredicted:         "instances that the forecast load needs",
	ReasonMarginalValue:     "one more warm instance would cost more than the cold starts it saves",
	ReasonKeepAlive:         "idle instances stay for as long as their next use is worth the memory",
	ReasonRenewal:           "warmed for the next use, which the gaps between past uses make likely",
	ReasonStrategy:          "without a higher floor the target would have cost less so far",
	ReasonNoForecast:        "there is no forecast, so only the load of the last minutes counts",
	ReasonShortHistory:      "too little history for a forecast",
	ReasonNoSkill:           "the forecast was no better than repeating the past, so it is not used",
	ReasonDrift:             "the load has left its course, and the forecast has not proved itself on the new one yet",
	ReasonMissingHold:       "data is missing, so the capacity is held",
	ReasonMissingFloor:      "data is missing, so the capacity goes to its configured floor",
	ReasonMissingScaleUp:    "data is missing, so the capacity is raised as configured",
	ReasonInvalidInput:      "an input was not a usable number and was left out",
	ReasonMinBound:          "raised to the lower bound",
	ReasonMaxBound:          "lowered to the upper bound",
	ReasonStepUp:            "the rise is limited to the largest step",
	ReasonStepDown:          "the fall is limited to the largest step",
	ReasonCooldownUp:        "a rise must wait for the cooldown",
	ReasonCooldownDown:      "a fall must wait for the cooldown",
	ReasonStabilised:        "held at the highest need of the stabilisation window",
	ReasonScaleToZero:       "the last instance stays until the target has been idle long enough",
	ReasonRestart:           "after a restart the capacity is kept until history suffices",
	ReasonUnchanged:         "the capacity is already as it should be",
	ReasonCurrentUnknown:    "the present capacity could not be read",
	ReasonOutOfBand:         "somebody else changed the capacity, so Pilotlight backs off",
	ReasonPending:           "the platform is still carrying out an earlier change",
	ReasonPaused:            "Pilotlight is paused",
	ReasonTargetInTwoPlaces: "two collectors report this target; keep it in one of them",
	ReasonPlatform:          "the platform keeps what it was asked for in a form of its own",
	ReasonRateUp:            "the rises of the period reach their limit",
	ReasonRateDown:          "the falls of the period reach their limit",
	ReasonEconomy:           "there were many changes lately, so this one waits",
	ReasonFreeze:            "a freeze stops this change",
	ReasonCanary:            "only a part of the targets is acted on yet, and this one is not in it",
	ReasonQuota:             "lowered to what the shared quota leaves",
	ReasonBudget:            "lowered to what the budget pays for",
	ReasonOverLimit:         "what must stay needs more than a shared limit allows",
	ReasonObjective:         "the price of a cold start follows the objective",
	ReasonObjectiveOut:      "even warm invocations miss the objective, so no price of a cold start is searched for",
	ReasonLead:              "warm instances take another time to be ready than configured, so that is reckoned with",
	ReasonPanic:             "the decision failed inside, so the capacity is held",
	ReasonBackOff:           "the platform refused for a reason that lasts, so it is asked again later",
	ReasonUnavailable:       "the platform failed several times in a row, so it is left alone for a while",
	ReasonDryRun:            "dry-run mode writes nothing",
	ReasonJournal:           "the journal cannot be written, so nothing is changed",
	ReasonApproval:          "no operator has approved the change",
	ReasonOutdated:          "the decision was made under another configuration",
	ReasonGateBounds:        "outside the limits of the target, so it is refused at the gate",
	ReasonLease:             "another Pilotlight holds the target",
	ReasonExpired:           "its turn did not come in time, so it is decided anew",
	ReasonChanged:           "the platform shows another capacity than the one decided on, so it is decided anew",
	ReasonHint:              "an event that was announced changes the load that is to be expected",
	ReasonHintFloor:         "raised to the floor that was announced for an event",
	ReasonSuperseded:        "the target was changed after the decision, whose cooldowns do not reckon with that",
	ReasonAssert:            "the platform by itself took back what was set, so it is set again",
	ReasonAssertLater:       "the platform by itself took back what was set, which is set again after a while",
	ReasonRehearsed:         "the platform was asked without changing anything, and would accept it",
	ReasonRehearsalRefused:  "the platform was asked without changing anything, and would refuse it",
	ReasonRehearsalFailed:   "the platform was asked without changing anything, and gave no answer to go by",
	ReasonRestored:          "an operator gives the target back the capacity that it had before Pilotlight",
	ReasonStopped:           "an operator has paused again, which ends the restore; run it again to go on",
	ReasonMoved:             "the target is something else on its platform now, so what was set before says nothing about it",
	ReasonForgotten:         "the target has not been reported for long, so it is no longer worked on",
	ReasonMemoryPeak:        "memory follows the highest use measured, with headroom",
	ReasonMemoryRisk:        "instances use nearly all their memory, and may be killed for want of it",
	ReasonMemoryLearning:    "too little of the use of memory has been measured to change it",
	ReasonMemorySmall:       "another memory would save too little to be worth a change",
	ReasonMemoryCPU:         "processor time falls with memory, and nothing measured says how much slower the target gets",
	ReasonMemorySlower:      "durations measured at two sizes say that less memory makes the target too slow",
	ReasonMemoryCooldown:    "memory was changed lately, so the next change waits",
	ReasonOutOfBandOver:     "what somebody else had changed is as it was, so Pilotlight goes on",
}

// Meaning returns the code in words, or "" for an unknown code.
func (c ReasonCode) Meaning() string { return reasonMeanings[c] }

// ReasonCodes returns all codes, sorted.
func ReasonCodes() []ReasonCode {
	codes := make([]ReasonCode, 0, len(reasonMeanings))
	for code := range reasonMeanings {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	return codes
}
