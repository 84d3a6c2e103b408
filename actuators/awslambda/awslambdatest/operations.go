package awslambdatest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
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
	if op == opAccount {
		return s.accountSettings(), nil
	}
	name, f, failed := s.find(text(input, "FunctionName"))
	if failed != nil {
		return nil, failed
	}
	switch op {
	case opReserved:
		return reservedOf(f), nil
	case opAlias:
		return aliasOf(name, f, text(input, "Name"))
	case opList:
		return s.list(name, f, input)
	}
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
		return s.put(f, qualifier, version, int(number(input, "ProvisionedConcurrentExecutions")))
	case opDelete:
		return nil, s.remove(f, qualifier)
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

func (s *Server) put(f *function, qualifier, version string, n int) (map[string]any, *failure) {
	if failed := s.refusePut(f, qualifier, version, n); failed != nil {
		return nil, failed
	}
	next := &provisioned{requested: n, asked: s.now, failWith: f.failNext[qualifier]}
	delete(f.failNext, qualifier)
	if before := f.configs[qualifier]; before != nil {
		next.before = before.at(s.now, s.config).available
	}
	f.configs[qualifier] = next
	s.writes++
	return s.describe(next), nil
}

// refusePut returns why a put is refused, or nil.
func (s *Server) refusePut(f *function, qualifier, version string, n int) *failure {
	if a := f.aliases[qualifier]; a != nil && len(a.weights) > 0 {
		return &failure{"InvalidParameterValueException", "Alias with weights can not be used with Provisioned Concurrency"}
	}
	if config := f.configs[qualifier]; config != nil && config.at(s.now, s.config).status == "IN_PROGRESS" {
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

func (s *Server) remove(f *function, qualifier string) *failure {
	if config := f.configs[qualifier]; config != nil {
		if config.at(s.now, s.config).status == "IN_PROGRESS" {
			return &failure{"ResourceConflictException", "A previous request is being processed. Please try again shortly"}
		}
		delete(f.configs, qualifier)
		s.writes++
	}
	return nil
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

func aliasOf(name string, f *function, aliasName string) (map[string]any, *failure) {
	a := f.aliases[aliasName]
	if a == nil {
		return nil, &failure{"ResourceNotFoundException", "Cannot find alias arn: " + arn(name, aliasName)}
	}
	out := map[string]any{
		"AliasArn": arn(name, aliasName), "Name": aliasName, "FunctionVersion": a.version, "Description": "",
		"RevisionId": "00000000-0000-4000-8000-00000000000" + strconv.Itoa(len(aliasName)%10),
	}
	if len(a.weights) > 0 {
		out["RoutingConfig"] = map[string]any{"AdditionalVersionWeights": a.weights}
	}
	return out, nil
}

// Operations returns the names of the operations that the server knows, sorted.
func (s *Server) Operations() []string {
	var names []string
	for _, op := range s.model.operations {
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
