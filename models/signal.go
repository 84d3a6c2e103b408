package models

import "fmt"

// Signal names what a Series measures.
type Signal int

// The signals that collectors read. Each value of a Series belongs to one step, from its start to its end.
const (
	// SignalInvocations is the number of invocations that arrived in the step.
	SignalInvocations Signal = iota
	// SignalDuration is the mean duration of an invocation in seconds.
	SignalDuration
	// SignalConcurrency is the mean number of invocations in flight.
	SignalConcurrency
	// SignalErrors is the number of failed invocations in the step.
	SignalErrors
	// SignalColdStarts is the number of cold starts in the step.
	SignalColdStarts
	// SignalMemory is the memory used by an instance, in MB.
	SignalMemory
	// SignalQueueDepth is the number of events that wait.
	SignalQueueDepth

	numSignals
)

// NumSignals is the number of signals; Signal values are 0 to NumSignals-1, so arrays can be indexed by them.
const NumSignals = int(numSignals)

//nolint:gochecknoglobals // a constant table
var signalNames = [NumSignals]string{
	"invocations", "duration", "concurrency", "errors", "cold_starts", "memory", "queue_depth",
}

// Signals returns all signals in their order.
func Signals() []Signal {
	all := make([]Signal, NumSignals)
	for i := range all {
		all[i] = Signal(i)
	}
	return all
}

// ParseSignal returns the signal of that name.
func ParseSignal(name string) (Signal, error) {
	for i, n := range signalNames {
		if n == name {
			return Signal(i), nil
		}
	}
	return 0, fmt.Errorf("signal %q is not one of %v: %w", name, signalNames, ErrInvalid)
}

// String returns the name of the signal as used in configuration, JSON and metrics.
func (s Signal) String() string {
	if s < 0 || int(s) >= NumSignals {
		return fmt.Sprintf("signal(%d)", int(s))
	}
	return signalNames[s]
}

// MarshalText implements encoding.TextMarshaler.
func (s Signal) MarshalText() ([]byte, error) {
	if s < 0 || int(s) >= NumSignals {
		return nil, fmt.Errorf("signal %d: %w", int(s), ErrInvalid)
	}
	return []byte(signalNames[s]), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Signal) UnmarshalText(text []byte) error {
	parsed, err := ParseSignal(string(text))
	if err != nil {
		return err
	}
	*s = parsed
	return nil
}
