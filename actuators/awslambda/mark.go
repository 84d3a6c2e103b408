package awslambda

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"pilotlight/actuators"
	"pilotlight/models"
)

// The tag that tells other people and tools that Pilotlight sets the capacity of a function.
const (
	markKey   = "pilotlight"
	markValue = "sets-capacity"
)

// marks remember which functions carry the tag.
type marks struct {
	mu sync.Mutex
	// of holds for each function why it could not be marked, "" if it is.
	of map[string]string
}

// note returns why a function could not be marked, "" if it could or was not to be.
func (m *marks) note(function string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.of[function]
}

// marked reports whether a function carries the tag as far as this process knows.
func (m *marks) marked(function string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	why, tried := m.of[function]
	return tried && why == ""
}

// set remembers how marking a function ended.
func (m *marks) set(function string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of == nil {
		m.of = make(map[string]string)
	}
	m.of[function] = ""
	if err != nil {
		m.of[function] = fmt.Sprintf("the tag %s could not be set: %v", markKey, err)
	}
}

// forget takes a function for one that does not carry the tag.
func (m *marks) forget(function string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.of, function)
}

// mark tags a function whose capacity was set, once in the life of the process, and takes the tag away after a restore. The capacity
// has been set by then: a tag that fails is no failure of the action but a note, and is tried again with the next one.
func (a *Actuator) mark(ctx context.Context, r ref, restored bool) {
	if !a.config.Mark || !restored && a.marks.marked(r.function) {
		return
	}
	resource, err := a.functionARN(ctx, r)
	switch {
	case err != nil:
	case restored:
		_, err = write(ctx, a.link, "untag function "+r.function, func(ctx context.Context) (*lambda.UntagResourceOutput, error) {
			return a.lambda.UntagResource(ctx, &lambda.UntagResourceInput{Resource: aws.String(resource), TagKeys: []string{markKey}})
		})
		if err == nil {
			a.marks.forget(r.function)
			return
		}
	default:
		_, err = write(ctx, a.link, "tag function "+r.function, func(ctx context.Context) (*lambda.TagResourceOutput, error) {
			return a.lambda.TagResource(ctx, &lambda.TagResourceInput{
				Resource: aws.String(resource), Tags: map[string]string{markKey: markValue},
			})
		})
	}
	a.marks.set(r.function, err)
}

// functionARN returns the ARN of the function itself, since aliases and versions carry no tags.
func (a *Actuator) functionARN(ctx context.Context, r ref) (string, error) {
	if strings.HasPrefix(r.function, "arn:") {
		return r.function, nil
	}
	account, name := a.config.AccountID, r.function[strings.LastIndex(r.function, ":")+1:]
	if given, _, ok := strings.Cut(r.function, ":function:"); ok {
		account = given
	}
	if account == "" {
		credentials, err := a.credentials.Retrieve(ctx)
		if err != nil {
			return "", a.classify(ctx, "tag function "+r.function, err)
		}
		account = credentials.AccountID
	}
	if account == "" {
		return "", &actuators.Error{Kind: models.KindInvalid, Op: "tag function " + r.function, Err: fmt.Errorf(
			"the credentials do not tell the account; set account_id: %w", models.ErrInvalid)}
	}
	return fmt.Sprintf("arn:%s:lambda:%s:%s:function:%s", partition(a.region), a.region, account, name), nil
}

// partition is that of a region in ARNs.
func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}
