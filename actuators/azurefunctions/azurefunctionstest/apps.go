package azurefunctionstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Plan is the plan that an app runs on, as its sku says.
type Plan string

// The plans.
const (
	Flex    Plan = "FlexConsumption"
	Premium Plan = "ElasticPremium"
	Dynamic Plan = "Dynamic"
)

// App is how an app is made.
type App struct {
	Plan Plan
	// Functions are the names of its functions.
	Functions []string
	// AlwaysReady are the groups with always-ready instances, in this order.
	AlwaysReady []Group
	// Memory and Max are those of Flex Consumption, 2048 and 100 if 0. Minimum is that of Premium.
	Memory, Max, Minimum int
	ZoneRedundant        bool
}

// Group is a group of functions.
type Group struct {
	Name  string
	Count int
}

// app is an app: how it was made, its functionAppConfig and the change under way.
type app struct {
	made   App
	name   string
	config map[string]any
	busy   string
}

// operation is a change under way.
type operation struct {
	of     *app
	until  time.Time
	failed *failure
	// before is what comes back if it fails.
	before map[string]any
}

// AddApp makes an app in the server's resource group, and replaces one that is there.
func (s *Server) AddApp(tb testing.TB, name string, made App) {
	tb.Helper()
	a := &app{made: made, name: name}
	if made.Plan == Flex {
		if made.Memory == 0 {
			made.Memory = 2048
		}
		if made.Max == 0 {
			made.Max = 100
		}
		groups := make([]any, len(made.AlwaysReady))
		for i, g := range made.AlwaysReady {
			groups[i] = map[string]any{"name": g.Name, "instanceCount": g.Count}
		}
		data, err := json.Marshal(map[string]any{
			"deployment": map[string]any{"storage": map[string]any{
				"type": "blobContainer", "value": "https://shop.blob.core.windows.net/app",
				"authentication": map[string]any{"type": "SystemAssignedIdentity"},
			}},
			"runtime": map[string]any{"name": "node", "version": "22"},
			"scaleAndConcurrency": map[string]any{
				"alwaysReady": groups, "instanceMemoryMB": made.Memory, "maximumInstanceCount": made.Max,
				"triggers": map[string]any{"http": map[string]any{"perInstanceConcurrency": 16}},
			},
			// The SDK's types do not know this one.
			"siteUpdateStrategy": map[string]any{"type": "RollingUpdate"},
		})
		if err != nil {
			tb.Fatal(err)
		}
		a.config, _ = decode(data).(map[string]any)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps[name] = a
}

// FailNext makes the next change of an app fail when it is carried out, with a code and a message.
func (s *Server) FailNext(name, code, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing[name] = &failure{code: code, message: message}
}

// ForgetOperations drops all operations, as Azure does after a while.
func (s *Server) ForgetOperations() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	clear(s.operations)
}

// Field returns what is at a path of the functionAppConfig of an app, rendered as JSON.
func (s *Server) Field(name string, path ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, err := json.Marshal(at(s.apps[name].config, path...))
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// Minimum returns the minimum of elastic instances of an app on Premium.
func (s *Server) Minimum(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.apps[name].made.Minimum
}

// view returns an app as Azure shows it.
func (a *app) view() map[string]any {
	properties := map[string]any{
		"state": "Running", "enabled": true, "sku": string(a.made.Plan), "reserved": true,
		"siteConfig": map[string]any{"minimumElasticInstanceCount": a.made.Minimum},
	}
	if a.config != nil {
		properties["functionAppConfig"] = a.config
	}
	if a.busy != "" {
		properties["inProgressOperationId"] = a.busy
	}
	return map[string]any{
		"id": ID(a.name), "name": a.name, "type": "Microsoft.Web/sites", "kind": "functionapp,linux", "location": "West Europe",
		"properties": properties,
	}
}

// configView returns the configuration of an app as Azure shows it.
func (a *app) configView() map[string]any {
	return map[string]any{
		"id": ID(a.name) + "/config/web", "name": a.name, "type": "Microsoft.Web/sites/config",
		"properties": map[string]any{"minimumElasticInstanceCount": a.made.Minimum, "preWarmedInstanceCount": 1, "alwaysOn": false},
	}
}

// carryOut carries out a request that is valid.
func (s *Server) carryOut(call *Call, names []string, body map[string]any, out *answer) *failure {
	if call.Op == OpToken {
		s.token(call, out)
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	if call.Op == OpOperation {
		return s.show(names[0], out)
	}
	found := s.apps[names[1]]
	switch {
	case !strings.EqualFold(names[0], ResourceGroup):
		return armError(http.StatusNotFound, "ResourceGroupNotFound", fmt.Sprintf("Resource group '%s' could not be found.", names[0]))
	case found == nil:
		return armError(http.StatusNotFound, "ResourceNotFound",
			fmt.Sprintf("The Resource 'Microsoft.Web/sites/%s' under resource group '%s' was not found.", names[1], names[0]))
	}
	switch call.Op {
	case OpGet:
		out.body = clone(found.view())
	case OpGetConfig:
		out.body = clone(found.configView())
	case OpPutConfig:
		return s.putConfig(found, body, out)
	case OpPatch:
		return s.patch(found, body, out)
	}
	return nil
}

// clone copies what is to be encoded after the lock is released.
func clone(value map[string]any) any {
	data, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return decode(data)
}

// settle ends the changes whose time has come. The lock is held.
func (s *Server) settle() {
	for _, id := range sortedKeys(s.operations) {
		op := s.operations[id]
		if s.now.Before(op.until) || op.of.busy != id {
			continue
		}
		op.of.busy = ""
		if op.failed != nil {
			op.of.config = op.before
		}
	}
}

// show answers a look at an operation. The lock is held.
func (s *Server) show(id string, out *answer) *failure {
	op := s.operations[id]
	if op == nil {
		return armError(http.StatusNotFound, "NotFound", "The operation was not found.")
	}
	done := !s.now.Before(op.until)
	if s.config.LocationOnly {
		switch {
		case done && op.failed != nil:
			return armError(http.StatusConflict, op.failed.code, op.failed.message)
		case done:
			out.body = clone(op.of.view())
		default:
			out.status = http.StatusAccepted
			out.header = map[string]string{"Location": s.operationURL(id)}
		}
		return nil
	}
	body := map[string]any{"id": id, "name": id, "status": "InProgress"}
	switch {
	case done && op.failed != nil:
		body["status"], body["error"] = "Failed", map[string]any{"code": op.failed.code, "message": op.failed.message}
	case done:
		body["status"] = "Succeeded"
	}
	out.body = body
	return nil
}

func (s *Server) operationURL(id string) string {
	return s.URL() + "/subscriptions/" + Subscription + "/providers/Microsoft.Web/locations/westeurope/operations/" + id + "?api-version=" + apiVersion
}

// putConfig changes the configuration of an app. The lock is held.
func (s *Server) putConfig(found *app, body map[string]any, out *answer) *failure {
	properties, _ := at(body, "properties").(map[string]any)
	for _, name := range sortedKeys(properties) {
		if name != "minimumElasticInstanceCount" {
			s.violations = append(s.violations, OpPutConfig+" writes "+name+", which is not its own")
		}
	}
	value, ok := properties["minimumElasticInstanceCount"]
	n := count(value)
	switch {
	case !ok:
		return webError(http.StatusBadRequest, "BadRequest", "Nothing to change.")
	case n < 0 || n > 20:
		return webError(http.StatusBadRequest, "BadRequest", "The parameter MinimumElasticInstanceCount has an invalid value. Details: it must be from 0 to 20.")
	}
	found.made.Minimum = n
	s.writes++
	out.body = clone(found.configView())
	return nil
}

// patch changes an app. The lock is held.
func (s *Server) patch(found *app, body map[string]any, out *answer) *failure {
	properties, _ := at(body, "properties").(map[string]any)
	for _, name := range sortedKeys(properties) {
		if name != "functionAppConfig" {
			s.violations = append(s.violations, OpPatch+" writes "+name+", which is not its own")
		}
	}
	config, _ := properties["functionAppConfig"].(map[string]any)
	switch {
	case found.busy != "":
		return webError(http.StatusConflict, "Conflict", fmt.Sprintf(
			"Cannot modify this site because another operation is in progress. Details: Id: %s, OperationName: Update", found.busy))
	case found.made.Plan != Flex || config == nil:
		return webError(http.StatusBadRequest, "BadRequest", "FunctionAppConfig is only for Flex Consumption sites.")
	}
	if refused := s.checkFlex(found, config); refused != nil {
		return refused
	}
	id := fmt.Sprintf("op-%s-%d", found.name, len(s.operations)+1)
	op := &operation{of: found, until: s.now.Add(max(0, s.config.Operation)), failed: s.failing[found.name], before: found.config}
	delete(s.failing, found.name)
	found.config = config
	s.operations[id] = op
	s.writes++
	if s.config.Operation > 0 {
		found.busy = id
		out.status = http.StatusAccepted
		out.header = map[string]string{"Location": s.operationURL(id)}
		if !s.config.LocationOnly {
			out.header["Azure-AsyncOperation"] = s.operationURL(id)
		}
	}
	out.body = clone(found.view())
	return nil
}

// checkFlex checks a functionAppConfig that is to replace the one of an app. The lock is held.
func (s *Server) checkFlex(found *app, config map[string]any) *failure {
	bad := func(format string, args ...any) *failure {
		return webError(http.StatusBadRequest, "BadRequest", fmt.Sprintf(format, args...))
	}
	for _, part := range []string{"deployment", "runtime"} {
		if config[part] == nil {
			return bad("Site.FunctionAppConfig.%s is required: the configuration is replaced as a whole.", part)
		}
	}
	scale, _ := config["scaleAndConcurrency"].(map[string]any)
	memory, most := count(scale["instanceMemoryMB"]), count(scale["maximumInstanceCount"])
	switch {
	case !slices.Contains(s.config.Sizes, memory):
		return bad("Site.FunctionAppConfig.ScaleAndConcurrency.InstanceMemoryMB %d is invalid. Allowed values: %v.", memory, s.config.Sizes)
	case most < 1 || most > 1000:
		return bad("Site.FunctionAppConfig.ScaleAndConcurrency.MaximumInstanceCount %d is invalid.", most)
	}
	if refused := checkGroups(found, scale); refused != nil {
		return refused
	}
	if total := s.coresWith(found, config); total > s.config.Cores && total > s.coresWith(found, found.config) {
		return bad("The region has a quota of %v cores for Flex Consumption, and %v are needed.", s.config.Cores, total)
	}
	return nil
}

// checkGroups checks the always-ready entries of an app.
func checkGroups(found *app, scale map[string]any) *failure {
	bad := func(format string, args ...any) *failure {
		return webError(http.StatusBadRequest, "BadRequest", fmt.Sprintf(format, args...))
	}
	seen := map[string]bool{}
	list, _ := scale["alwaysReady"].([]any)
	for _, item := range list {
		name, _ := at(item, "name").(string)
		n := count(at(item, "instanceCount"))
		function, isFunction := strings.CutPrefix(name, "function:")
		switch {
		case !regexp.MustCompile(`^(http|durable|blob|function:.+)$`).MatchString(name), seen[strings.ToLower(name)]:
			return bad("AlwaysReady name '%s' is invalid.", name)
		case isFunction && !slices.Contains(found.made.Functions, function):
			return bad("AlwaysReady name '%s' is no function of the app.", name)
		case n < 0 || n > 1000 || found.made.ZoneRedundant && n == 1:
			return bad("AlwaysReady instance count %d of '%s' is invalid.", n, name)
		}
		seen[strings.ToLower(name)] = true
	}
	return nil
}

// coresWith returns the cores of all always-ready instances if an app had a configuration. The lock is held.
func (s *Server) coresWith(changed *app, config map[string]any) float64 {
	per, total := map[int]float64{512: 0.25, 2048: 1, 4096: 2}, 0.0
	for _, a := range s.apps {
		of := a.config
		if a == changed {
			of = config
		}
		list, _ := at(of, "scaleAndConcurrency", "alwaysReady").([]any)
		for _, item := range list {
			total += float64(count(at(item, "instanceCount"))) * per[count(at(of, "scaleAndConcurrency", "instanceMemoryMB"))]
		}
	}
	return total
}

func count(value any) int {
	text, _ := value.(json.Number)
	n, err := strconv.Atoi(text.String())
	if err != nil {
		return 0
	}
	return n
}
