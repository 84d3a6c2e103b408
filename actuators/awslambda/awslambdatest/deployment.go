package awslambdatest

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"
)

// configuration is that of $LATEST or of a version.
type configuration struct {
	memory, timeout int
	sha             string
	revision        int
	// changed is when it was changed last or published.
	changed time.Time
	// failed is the reason for which the last update failed; nothing of it was done.
	failed string
}

// same reports whether publishing the one makes nothing that the other is not.
func (c configuration) same(other configuration) bool {
	return c.memory == other.memory && c.timeout == other.timeout && c.sha == other.sha
}

// SetCode changes the code of $LATEST, as a developer does.
func (s *Server) SetCode(tb testing.TB, name, sha string) {
	tb.Helper()
	s.change(tb, name, func(f *function) {
		f.latest.sha = sha
		f.latest.revision++
	})
}

// SetTimeout changes the time-out of $LATEST in seconds, as a developer does.
func (s *Server) SetTimeout(tb testing.TB, name string, seconds int) {
	tb.Helper()
	s.change(tb, name, func(f *function) {
		f.latest.timeout = seconds
		f.latest.revision++
	})
}

// FailUpdate makes the next update of $LATEST end as Failed for that reason.
func (s *Server) FailUpdate(tb testing.TB, name, reason string) {
	tb.Helper()
	s.change(tb, name, func(f *function) { f.failUpdate = reason })
}

// Published returns how many versions the function has.
func (s *Server) Published(tb testing.TB, name string) int {
	tb.Helper()
	n := 0
	s.change(tb, name, func(f *function) { n = len(f.versions) })
	return n
}

// AliasVersion returns the version that an alias points at.
func (s *Server) AliasVersion(tb testing.TB, name, aliasName string) string {
	tb.Helper()
	version := ""
	s.change(tb, name, func(f *function) { version = f.version(aliasName) })
	return version
}

// AliasCode returns the code of the version that an alias points at.
func (s *Server) AliasCode(tb testing.TB, name, aliasName string) string {
	tb.Helper()
	sha := ""
	s.change(tb, name, func(f *function) {
		if n, err := strconv.Atoi(f.version(aliasName)); err == nil {
			sha = f.versions[n-1].sha
		}
	})
	return sha
}

// revisionID renders a revision as the service does.
func revisionID(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// carryOutDeployment does what a request about code, configuration and aliases asks for.
func (s *Server) carryOutDeployment(op, name string, f *function, input map[string]any) (map[string]any, *failure) {
	switch op {
	case opConfig:
		qualifier := text(input, "Qualifier")
		if qualifier == "" {
			qualifier = latest
		}
		return s.configurationOf(name, f, qualifier)
	case opConfigure:
		return s.configure(name, f, input)
	case opPublish:
		return s.publish(name, f, input)
	default:
		return s.move(name, f, input)
	}
}

// configurationOf returns the configuration that a qualifier stands for.
func (s *Server) configurationOf(name string, f *function, qualifier string) (map[string]any, *failure) {
	version := f.version(qualifier)
	if version == "" {
		return nil, &failure{"ResourceNotFoundException", "Function not found: " + arn(name, qualifier)}
	}
	c, state := f.latest, "Active"
	if version != latest {
		n, _ := strconv.Atoi(version)
		c = f.versions[n-1]
		if s.pending(f, version) {
			state = "Pending"
		}
	}
	out := map[string]any{
		"FunctionName": name, "FunctionArn": arn(name, qualifier), "Version": version, "Runtime": "python3.13", "Handler": "app.handler",
		"Role": "arn:aws:iam::" + Account + ":role/fn", "CodeSize": 1024, "Description": "", "Timeout": c.timeout, "MemorySize": c.memory,
		"LastModified": c.changed.Format("2006-01-02T15:04:05.000-0700"), "CodeSha256": c.sha, "RevisionId": revisionID(c.revision),
		"PackageType": "Zip", "Architectures": []any{"arm64"}, "State": state, "LastUpdateStatus": "Successful",
		"Environment": map[string]any{"Variables": map[string]any{"STAGE": "test"}},
	}
	if version == latest && s.updating(f) {
		out["LastUpdateStatus"] = "InProgress"
	} else if c.failed != "" && version == latest {
		out["LastUpdateStatus"], out["LastUpdateStatusReason"] = "Failed", c.failed
		out["LastUpdateStatusReasonCode"] = "InvalidConfiguration"
	}
	return out, nil
}

// onlyServed refuses settings that the fake knows nothing of.
func onlyServed(input map[string]any, keys ...string) *failure {
	for _, key := range sortedKeys(input) {
		if !slices.Contains(keys, key) {
			return &failure{"InvalidParameterValueException", "the fake does not serve " + key}
		}
	}
	return nil
}

// updating reports whether an update of $LATEST goes on.
func (s *Server) updating(f *function) bool {
	return s.now.Sub(f.latest.changed) < s.config.UpdateDelay
}

// pending reports whether a version is not ready yet.
func (s *Server) pending(f *function, version string) bool {
	n, err := strconv.Atoi(version)
	return err == nil && s.now.Sub(f.versions[n-1].changed) < s.config.VersionDelay
}

// configure changes the memory of $LATEST. Other settings are not served.
func (s *Server) configure(name string, f *function, input map[string]any) (map[string]any, *failure) {
	if failed := onlyServed(input, "FunctionName", "MemorySize", "RevisionId"); failed != nil {
		return nil, failed
	}
	memory := int(number(input, "MemorySize"))
	switch revision := text(input, "RevisionId"); {
	case s.updating(f):
		return nil, busy(name)
	case revision != "" && revision != revisionID(f.latest.revision):
		return nil, staleRevision()
	case memory > s.config.MemoryCap:
		return nil, &failure{"InvalidParameterValueException", fmt.Sprintf(
			"'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to %d", s.config.MemoryCap)}
	}
	f.latest.failed = f.failUpdate
	if f.failUpdate == "" {
		f.latest.memory = memory
	}
	f.failUpdate = ""
	f.latest.revision++
	f.latest.changed = s.now
	s.writes++
	return s.configurationOf(name, f, latest)
}

// publish makes a version of $LATEST, or returns the newest if nothing has changed since.
func (s *Server) publish(name string, f *function, input map[string]any) (map[string]any, *failure) {
	sha, revision := text(input, "CodeSha256"), text(input, "RevisionId")
	switch {
	case s.updating(f):
		return nil, busy(name)
	case revision != "" && revision != revisionID(f.latest.revision):
		return nil, staleRevision()
	case sha != "" && sha != f.latest.sha:
		return nil, &failure{"InvalidParameterValueException", fmt.Sprintf("CodeSHA256 (%s) is different from current CodeSHA256 in "+
			"$LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", sha, f.latest.sha)}
	}
	if n := len(f.versions); n == 0 || !f.versions[n-1].same(f.latest) {
		next := f.latest
		next.changed, next.failed = s.now, ""
		f.versions = append(f.versions, next)
		f.latest.revision++
		s.writes++
	}
	return s.configurationOf(name, f, strconv.Itoa(len(f.versions)))
}

// move points an alias at another version. Its provisioned concurrency is allocated there anew.
func (s *Server) move(name string, f *function, input map[string]any) (map[string]any, *failure) {
	aliasName, version, revision := text(input, "Name"), text(input, "FunctionVersion"), text(input, "RevisionId")
	a := f.aliases[aliasName]
	switch {
	case input["RoutingConfig"] != nil || input["Description"] != nil:
		return nil, &failure{"InvalidParameterValueException", "the fake serves moves of the version only"}
	case a == nil:
		return nil, &failure{"ResourceNotFoundException", "Cannot find alias arn: " + arn(name, aliasName)}
	case revision != "" && revision != revisionID(a.revision):
		return nil, staleRevision()
	case f.version(version) != version:
		return nil, &failure{"ResourceNotFoundException", "Function not found: " + arn(name, version)}
	case s.pending(f, version):
		return nil, &failure{
			"ResourceConflictException",
			"The operation cannot be performed at this time. The function is currently in the following state: Pending",
		}
	}
	if version != a.version {
		if failed := s.moveProvisioned(name, f, aliasName, version); failed != nil {
			return nil, failed
		}
		a.version = version
		a.revision++
		s.writes++
	}
	return s.aliasOf(name, f, aliasName)
}

// moveProvisioned begins to allocate the provisioned concurrency of an alias on another version.
func (s *Server) moveProvisioned(name string, f *function, aliasName, version string) *failure {
	config := f.configs[aliasName]
	if config == nil {
		return nil
	}
	if config.at(s.now, s.config).status == inProgress {
		return busy(name)
	}
	for other := range f.configs {
		if other != aliasName && f.version(other) == version {
			return &failure{
				"ResourceConflictException", "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
			}
		}
	}
	f.aliases[aliasName].leaves = f.aliases[aliasName].version
	f.configs[aliasName] = &provisioned{requested: config.requested, asked: s.now}
	return nil
}

func busy(name string) *failure {
	return &failure{
		"ResourceConflictException",
		"The operation cannot be performed at this time. An update is in progress for resource: " + arn(name, ""),
	}
}

func staleRevision() *failure {
	return &failure{
		"PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to " +
			"retrieve the latest Revision Id",
	}
}
