package awslambda

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"pilotlight/actuators"
	"pilotlight/models"
)

// The memory that a function can have, in MB.
const (
	minMemory = 128
	maxMemory = 10240
	// fullCPU is the memory with which a function has one virtual processor; with less it has that share of one.
	// Source: "Configure Lambda function memory" in the AWS Lambda developer guide.
	fullCPU = 1769
)

// MemorySizes implements actuators.MemorySizer.
func (a *Actuator) MemorySizes() models.MemorySizes {
	return models.MemorySizes{Min: minMemory, Max: maxMemory, Step: 1, FullCPU: fullCPU}
}

// An Apply looks at an update pollsPerWait times while it waits for it.
const (
	pollsPerWait  = 20
	minMemoryWait = 20 * time.Millisecond
	maxMemoryWait = 10 * time.Minute
)

// configuration is that of a version, or of $LATEST.
type configuration struct {
	*lambda.GetFunctionConfigurationOutput
}

func (c configuration) memory() int { return int(aws.ToInt32(c.MemorySize)) }

// underWay reports whether it still becomes what it shows.
func (c configuration) underWay() bool {
	return c.LastUpdateStatus == types.LastUpdateStatusInProgress || c.State == types.StatePending
}

// snapStart returns when snapshots are taken; whether there is one differs between versions anyway.
func (c configuration) snapStart() types.SnapStartApplyOn {
	if c.SnapStart == nil || c.SnapStart.ApplyOn == "" {
		return types.SnapStartApplyOnNone
	}
	return c.SnapStart.ApplyOn
}

// differences returns the names of the settings, but the memory, in which two configurations of a function differ.
func (c configuration) differences(other configuration) []string {
	// These differ between versions that were made of the same, or come with the memory.
	ignored := []string{
		"CodeSize", "Description", "FunctionArn", "LastModified", "LastUpdateStatus", "LastUpdateStatusReason", "LastUpdateStatusReasonCode",
		"MasterArn", "MemorySize", "ResultMetadata", "RevisionId", "RuntimeVersionConfig", "SnapStart", "State", "StateReason",
		"StateReasonCode", "Version",
	}
	var names []string
	if c.snapStart() != other.snapStart() {
		names = append(names, "SnapStart")
	}
	mine, others := reflect.ValueOf(c.GetFunctionConfigurationOutput).Elem(), reflect.ValueOf(other.GetFunctionConfigurationOutput).Elem()
	for i := range mine.NumField() {
		field := mine.Type().Field(i)
		if !field.IsExported() || slices.Contains(ignored, field.Name) {
			continue
		}
		if !reflect.DeepEqual(mine.Field(i).Interface(), others.Field(i).Interface()) {
			names = append(names, field.Name)
		}
	}
	return names
}

// configuration reads the configuration of a version or alias; latest is the unpublished one.
func (a *Actuator) configuration(ctx context.Context, r ref, qualifier string) (configuration, error) {
	op := "get configuration of " + r.function + ":" + qualifier
	out, err := request(ctx, a.link, op, func(ctx context.Context) (*lambda.GetFunctionConfigurationOutput, error) {
		return a.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{
			FunctionName: aws.String(r.function), Qualifier: aws.String(qualifier),
		})
	})
	if err == nil && (out.MemorySize == nil || out.RevisionId == nil || out.Version == nil) {
		err = refused(models.KindTransient, op, "the answer lacks the memory, revision or version")
	}
	return configuration{out}, err
}

// deployment is one Apply of memory. It goes through these steps, and is told by what it reads where to go on, so that it can be
// interrupted after any of them:
//
//	update $LATEST > wait until that is done > publish a version > wait until it is ready > move the alias
//
// AWS then allocates the provisioned concurrency of the alias on the new version, and moves the traffic when that is done.
type deployment struct {
	*Actuator
	r  ref
	mb int
	op string
	// polls is how many more times it may look at what is under way.
	polls int
}

// applyMemory gives the version behind an alias other memory.
func (a *Actuator) applyMemory(ctx context.Context, r ref, mb int) error {
	live, err := a.configuration(ctx, r, r.qualifier)
	if err != nil || live.memory() == mb {
		return err
	}
	d := deployment{Actuator: a, r: r, mb: mb, op: fmt.Sprintf("set memory %d MB of %s", mb, r), polls: pollsPerWait}
	points, err := d.moveable(ctx)
	if err != nil {
		return err
	}
	unpublished, err := d.prepared(ctx, live)
	if err != nil {
		return err
	}
	version, err := d.published(ctx, unpublished)
	if err != nil {
		return err
	}
	_, err = write(ctx, a.link, "move alias "+r.String()+" to version "+version, func(ctx context.Context) (*lambda.UpdateAliasOutput, error) {
		return a.lambda.UpdateAlias(ctx, &lambda.UpdateAliasInput{
			FunctionName: aws.String(r.function), Name: aws.String(r.qualifier), FunctionVersion: aws.String(version),
			RevisionId: aws.String(points.revision),
		})
	})
	return err
}

// moveable returns where the alias points, if it can be moved now.
func (d *deployment) moveable(ctx context.Context) (alias, error) {
	provisioned, err := d.get(ctx, d.r)
	if err != nil {
		return alias{}, err
	}
	points, err := d.getAlias(ctx, d.r)
	if err != nil {
		return alias{}, err
	}
	if err := points.check(d.op, provisioned.inProgress()); err != nil {
		return alias{}, err
	}
	if provisioned.inProgress() {
		return alias{}, refused(models.KindConflict, d.op, "%d of %d warm instances are allocated; the alias moves when that is done",
			provisioned.allocated, provisioned.requested)
	}
	return points, nil
}

// prepared returns $LATEST with the memory, after a look that publishing it would release nothing else.
func (d *deployment) prepared(ctx context.Context, live configuration) (configuration, error) {
	unpublished, err := d.settled(ctx, latest)
	if err != nil {
		return unpublished, err
	}
	if names := unpublished.differences(live); len(names) > 0 {
		return unpublished, refused(models.KindInvalid, d.op, "the unpublished version differs from version %s in %s too, and publishing it would "+
			"release that; publish and deploy it first, or set the memory in your own deployment",
			aws.ToString(live.Version), strings.Join(names, ", "))
	}
	if unpublished.memory() == d.mb && unpublished.LastUpdateStatus != types.LastUpdateStatusFailed {
		return unpublished, nil
	}
	_, err = write(ctx, d.link, fmt.Sprintf("update memory of %s to %d MB", d.r.function, d.mb),
		func(ctx context.Context) (*lambda.UpdateFunctionConfigurationOutput, error) {
			return d.lambda.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
				FunctionName: aws.String(d.r.function), RevisionId: unpublished.RevisionId,
				MemorySize: aws.Int32(int32(d.mb)), //nolint:gosec // check has seen the range
			})
		})
	if err != nil {
		return unpublished, err
	}
	updated, err := d.settled(ctx, latest)
	switch {
	case err != nil:
		return updated, err
	case updated.LastUpdateStatus == types.LastUpdateStatusFailed:
		return updated, refused(models.KindPermanent, d.op, "AWS could not update the function: %s", aws.ToString(updated.LastUpdateStatusReason))
	case updated.memory() != d.mb || len(updated.differences(live)) > 0:
		return updated, refused(models.KindConflict, d.op, "somebody else changed the function meanwhile")
	}
	return updated, nil
}

// published returns the version that holds exactly what was looked at. AWS makes none if nothing has changed since the newest: an
// interrupted Apply finds its version again.
func (d *deployment) published(ctx context.Context, unpublished configuration) (string, error) {
	out, err := write(ctx, d.link, "publish a version of "+d.r.function, func(ctx context.Context) (*lambda.PublishVersionOutput, error) {
		return d.lambda.PublishVersion(ctx, &lambda.PublishVersionInput{
			FunctionName: aws.String(d.r.function), RevisionId: unpublished.RevisionId, CodeSha256: unpublished.CodeSha256,
		})
	})
	if err != nil {
		return "", err
	}
	if aws.ToString(out.Version) == "" {
		return "", refused(models.KindTransient, d.op, "the answer lacks the version that was published")
	}
	version, err := d.settled(ctx, *out.Version)
	switch {
	case err != nil:
		return "", err
	case version.State == types.StateFailed:
		return "", refused(models.KindPermanent, d.op, "version %s cannot be used: %s", *out.Version, aws.ToString(version.StateReason))
	case version.memory() != d.mb || len(version.differences(unpublished)) > 0:
		return "", refused(models.KindConflict, d.op, "version %s is not what was to be published", *out.Version)
	}
	return *out.Version, nil
}

// settled reads a configuration until nothing of it is under way, for as long as may be waited.
func (d *deployment) settled(ctx context.Context, qualifier string) (configuration, error) {
	for {
		c, err := d.configuration(ctx, d.r, qualifier)
		if err != nil || !c.underWay() {
			return c, err
		}
		if d.polls--; d.polls <= 0 {
			return c, refused(models.KindConflict, d.op, "%s:%s is still being updated after %s; the next decision goes on from there",
				d.r.function, qualifier, d.config.MemoryWait)
		}
		select {
		case <-time.After(d.poll):
		case <-ctx.Done():
			return c, d.classify(ctx, d.op, actuators.Ended(ctx))
		}
	}
}
