package awslambdatest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// latest is the unpublished version.
const latest = "$LATEST"

// maxPage is the greatest number of configurations on a page.
const maxPage = 50

// minUnreserved is the concurrency that stays unreserved.
const minUnreserved = 100

// carryOut does what a request asks for, after it was checked against the model.
func (s *Server) carryOut(op string, input map[string]any) (map[string]any, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scale()
	switch op {
	case opAccount:
		return s.accountSettings(), nil
	case opScalables:
		return s.describeScalables(input)
	case opRegister:
		return s.register(input)
	case opMapping:
		return s.getMapping(input)
	case opRemap:
		return s.updateMapping(input)
	case opTag, opUntag:
		return nil, s.tag(op, input)
	}
	name, f, failed := s.find(text(input, "FunctionName"))
	if failed != nil {
		return nil, failed
	}
	switch op {
	case opReserved, opReserve, opUnreserve:
		return s.carryOutReserve(op, f, input)
	case opAlias:
		return s.aliasOf(name, f, text(input, "Name"))
	case opConfig, opConfigure, opPublish, opMove:
		return s.carryOutDeployment(op, name, f, input)
	case opList:
		return s.list(name, f, input)
	}
	return s.carryOutProvisioning(op, name, f, input)
}

// tag gives a function tags, or takes some away. Neither versions nor aliases have tags.
func (s *Server) tag(op string, input map[string]any) *failure {
	resource := text(input, "Resource")
	name, f, failed := s.find(resource)
	switch {
	case failed != nil:
		return failed
	case resource != arn(name, ""):
		return &failure{"InvalidParameterValueException", "Tags on function aliases and versions are not supported. Please specify either a function ARN, " +
			"an event source mapping ARN or a code signing configuration ARN."}
	}
	if op == opUntag {
		keys, _ := input["TagKeys"].([]any)
		for _, key := range keys {
			delete(f.tags, fmt.Sprint(key))
		}
	}
	tags, _ := input["Tags"].(map[string]any)
	for key, value := range tags {
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return &failure{"InvalidParameterValueException", "System tags cannot be added/updated by requester"}
		}
		if f.tags == nil {
			f.tags = map[string]string{}
		}
		f.tags[key] = fmt.Sprint(value)
	}
	s.writes++
	return nil
}

// Tags returns a copy of the tags of a function.
func (s *Server) Tags(name string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.functions[name].tags)
}

// carryOutReserve does what a request about the reserved concurrency of a function asks for.
func (s *Server) carryOutReserve(op string, f *function, input map[string]any) (map[string]any, *failure) {
	switch op {
	case opReserve:
		return s.reserve(f, int(number(input, "ReservedConcurrentExecutions")))
	case opUnreserve:
		f.reserved = -1
		s.writes++
		return nil, nil
	}
	return reservedOf(f), nil
}

// carryOutProvisioning does what a request about the provisioned concurrency of a version or alias asks for.
func (s *Server) carryOutProvisioning(op, name string, f *function, input map[string]any) (map[string]any, *failure) {
	qualifier := text(input, "Qualifier")
	version := f.version(qualifier)
	switch version {
	case "":
		return nil, &failure{"ResourceNotFoundException", "Function not found: " + arn(name, qualifier)}
	case latest:
		return nil, &failure{
			"InvalidParameterValueException", "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
		}
	}
	switch op {
	case opGet:
		return s.get(f, qualifier)
	case opPut:
		config, failed := s.put(f, qualifier, version, int(number(input, "ProvisionedConcurrentExecutions")), s.now)
		if failed != nil {
			return nil, failed
		}
		s.writes++
		return s.describe(config), nil
	case opDelete:
		had := f.configs[qualifier] != nil
		failed := s.remove(f, qualifier, s.now)
		if failed == nil && had {
			s.writes++
		}
		return nil, failed
	}
	return nil, &failure{"ServiceException", "not implemented: " + op}
}

// find returns the function that a name or ARN stands for.
func (s *Server) find(reference string) (string, *function, *failure) {
	parts := strings.Split(reference, ":")
	name := parts[len(parts)-1]
	f := s.functions[name]
	if f == nil || !strings.HasSuffix(arn(name, ""), reference) {
		return "", nil, &failure{"ResourceNotFoundException", "Function not found: " + reference}
	}
	return name, f, nil
}

func (s *Server) get(f *function, qualifier string) (map[string]any, *failure) {
	config := f.configs[qualifier]
	if config == nil {
		return nil, &failure{
			"ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function",
		}
	}
	return s.describe(config), nil
}

// describe returns a configuration as the API shows it.
func (s *Server) describe(config *provisioned) map[string]any {
	now := config.at(s.now, s.config)
	out := map[string]any{
		"RequestedProvisionedConcurrentExecutions": config.requested,
		"AllocatedProvisionedConcurrentExecutions": now.allocated,
		"AvailableProvisionedConcurrentExecutions": now.available,
		"Status":       now.status,
		"LastModified": config.asked.Format("2006-01-02T15:04:05-0700"),
	}
	if now.reason != "" {
		out["StatusReason"] = now.reason
	}
	return out
}

// put changes the provisioned concurrency at a time.
func (s *Server) put(f *function, qualifier, version string, n int, at time.Time) (*provisioned, *failure) {
	if failed := s.refusePut(f, qualifier, version, n, at); failed != nil {
		return nil, failed
	}
	next := &provisioned{requested: n, asked: at, failWith: f.failNext[qualifier]}
	delete(f.failNext, qualifier)
	if before := f.configs[qualifier]; before != nil {
		next.before = before.at(at, s.config).available
	}
	f.configs[qualifier] = next
	return next, nil
}

// refusePut returns why a put is refused, or nil.
func (s *Server) refusePut(f *function, qualifier, version string, n int, at time.Time) *failure {
	if a := f.aliases[qualifier]; a != nil && len(s.shares(f, qualifier)) > 0 {
		return &failure{"InvalidParameterValueException", "Alias with weights can not be used with Provisioned Concurrency"}
	}
	if config := f.configs[qualifier]; config != nil && config.at(at, s.config).status == inProgress {
		return &failure{"ResourceConflictException", "A previous request is being processed. Please try again shortly"}
	}
	for _, other := range sortedKeys(f.configs) {
		if other == qualifier || f.version(other) != version {
			continue
		}
		if qualifier == version {
			return &failure{"ResourceConflictException", "Version is pointed by a Provisioned Concurrency alias"}
		}
		return &failure{
			"ResourceConflictException", "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
		}
	}
	if f.reserved >= 0 {
		if f.held(qualifier)+n > f.reserved {
			return &failure{
				"InvalidParameterValueException",
				"Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function",
			}
		}
		return nil
	}
	if s.unreserved(f, qualifier)-n < minUnreserved {
		return &failure{"InvalidParameterValueException", fmt.Sprintf("Specified ConcurrentExecutions for function decreases account's "+
			"UnreservedConcurrentExecution below its minimum value of [%d].", minUnreserved)}
	}
	return nil
}

// remove deletes the provisioned concurrency, if there is any.
func (s *Server) remove(f *function, qualifier string, at time.Time) *failure {
	if config := f.configs[qualifier]; config != nil && config.at(at, s.config).status == inProgress {
		return &failure{"ResourceConflictException", "A previous request is being processed. Please try again shortly"}
	}
	delete(f.configs, qualifier)
	return nil
}

// reserve reserves concurrency for the function.
func (s *Server) reserve(f *function, n int) (map[string]any, *failure) {
	had := f.reserved
	f.reserved = n
	left := s.unreserved(nil, "")
	f.reserved = had
	switch {
	case f.held("") > n:
		return nil, &failure{
			"InvalidParameterValueException",
			"ReservedConcurrentExecutions for function should not be less than the total Provisioned Concurrency configured on it",
		}
	case left < minUnreserved:
		return nil, &failure{"InvalidParameterValueException", fmt.Sprintf("Specified ReservedConcurrentExecutions for function decreases "+
			"account's UnreservedConcurrentExecution below its minimum value of [%d].", minUnreserved)}
	}
	f.reserved = n
	s.writes++
	return reservedOf(f), nil
}

func (s *Server) list(name string, f *function, input map[string]any) (map[string]any, *failure) {
	qualifiers := sortedKeys(f.configs)
	from, size := 0, maxPage
	if marker := text(input, "Marker"); marker != "" {
		i, err := strconv.Atoi(marker)
		if err != nil || i < 0 || i > len(qualifiers) {
			return nil, &failure{"InvalidParameterValueException", "Invalid marker"}
		}
		from = i
	}
	if n := number(input, "MaxItems"); n > 0 {
		size = int(n)
	}
	items, to := []any{}, min(from+size, len(qualifiers))
	for _, qualifier := range qualifiers[from:to] {
		item := s.describe(f.configs[qualifier])
		item["FunctionArn"] = arn(name, qualifier)
		items = append(items, item)
	}
	out := map[string]any{"ProvisionedConcurrencyConfigs": items}
	if to < len(qualifiers) {
		out["NextMarker"] = strconv.Itoa(to)
	}
	return out, nil
}

func (s *Server) accountSettings() map[string]any {
	const codeSize = 80 << 30
	return map[string]any{
		"AccountLimit": map[string]any{
			"TotalCodeSize": codeSize, "CodeSizeUnzipped": 250 << 20, "CodeSizeZipped": 50 << 20,
			"ConcurrentExecutions":           s.config.AccountLimit,
			"UnreservedConcurrentExecutions": max(0, s.unreserved(nil, "")),
		},
		"AccountUsage": map[string]any{"TotalCodeSize": 0, "FunctionCount": len(s.functions)},
	}
}

func reservedOf(f *function) map[string]any {
	if f.reserved < 0 {
		return map[string]any{}
	}
	return map[string]any{"ReservedConcurrentExecutions": f.reserved}
}

func (s *Server) aliasOf(name string, f *function, aliasName string) (map[string]any, *failure) {
	a := f.aliases[aliasName]
	if a == nil {
		return nil, &failure{"ResourceNotFoundException", "Cannot find alias arn: " + arn(name, aliasName)}
	}
	out := map[string]any{
		"AliasArn": arn(name, aliasName), "Name": aliasName, "FunctionVersion": a.version, "Description": "", "RevisionId": revisionID(a.revision),
	}
	if weights := s.shares(f, aliasName); len(weights) > 0 {
		out["RoutingConfig"] = map[string]any{"AdditionalVersionWeights": weights}
	}
	return out, nil
}

// Operations returns the names of the operations that the server knows, sorted.
func (s *Server) Operations() []string {
	var names []string
	for _, op := range slices.Concat(s.lambda.operations, s.scaling.operations) {
		names = append(names, op.name)
	}
	slices.Sort(names)
	return names
}

func text(input map[string]any, name string) string {
	value, _ := input[name].(string)
	return value
}

// number returns a number that was checked against the model, 0 if it is not there.
func number(input map[string]any, name string) int64 {
	value, _ := input[name].(json.Number)
	n, _ := value.Int64()
	return n
}
