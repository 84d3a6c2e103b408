package advisor

import "errors"

// The ways in which there is no answer. Nothing else changes then: the caller goes on without.
var (
	// ErrBudget says that the budget of the day does not allow another request.
	ErrBudget = errors.New("the budget of the advisor for today does not allow another request")
	// ErrLeftAlone says that no request was sent because the last ones failed, or the endpoint asked for a pause.
	ErrLeftAlone = errors.New("the endpoint of the advisor is left alone for a while")
	// ErrEndpoint says that the endpoint could not be reached, or refused the request.
	ErrEndpoint = errors.New("the endpoint of the advisor gave no answer")
	// ErrReply says that there was an answer that cannot be used.
	ErrReply = errors.New("the answer of the advisor cannot be used")
)

// replyError says why an answer cannot be used.
type replyError struct {
	why string
	// final says that asking again would not help.
	final bool
}

// Error implements error.
func (e *replyError) Error() string { return e.why }

// Unwrap implements errors.Unwrap.
func (e *replyError) Unwrap() error { return ErrReply }
