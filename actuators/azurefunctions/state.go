package azurefunctions

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/appservice/armappservice/v5"

	"pilotlight/models"
)

// What the plans allow.
const (
	maxPremium = 20
	maxFlex    = 1000
	// defaultMemory is the memory of an instance on Flex Consumption where none is set, in MB.
	defaultMemory = 2048
)

// size is a size of instances on Flex Consumption, and how many cores it counts against the quota of a region.
type size struct {
	mb    int
	cores float64
}

// sizes returns the sizes, smallest first. Source: "Azure Functions Flex Consumption plan hosting" on Microsoft Learn.
func sizes() []size { return []size{{512, 0.25}, {2048, 1}, {4096, 2}} }

// MemorySizes implements actuators.MemorySizer. Premium plans have their memory from the plan, which this actuator never changes.
// Source: as of sizes; an instance has one core with the size that counts one.
func (a *Actuator) MemorySizes() models.MemorySizes {
	var out models.MemorySizes
	for _, s := range sizes() {
		out.Only = append(out.Only, s.mb)
		if s.cores == 1 {
			out.FullCPU = s.mb
		}
	}
	return out
}

// sizeFor returns the smallest size with that memory, mb itself if there is none.
func sizeFor(mb int) int {
	for _, s := range sizes() {
		if s.mb >= mb {
			return s.mb
		}
	}
	return mb
}

// coresOf returns how many cores an instance of that memory counts.
func coresOf(mb int) float64 {
	for _, s := range sizes() {
		if s.mb >= mb {
			return s.cores
		}
	}
	return float64(mb) / defaultMemory
}

// state is an app as it is.
type state struct {
	// busy says that a change is under way.
	busy bool
	// warm is the number of always-ready instances of the group, or of the app on Premium.
	warm int
	// most and memory are those of Flex Consumption, 0 where not set.
	most, memory int
	notes        []string

	// config is the functionAppConfig as Azure sent it, with all that the SDK does not know.
	config map[string]any
	// region is where the app is; ready is how many always-ready instances its groups have together.
	region string
	ready  int
}

// capacity returns the levers of the state.
func (s state) capacity() models.Capacity {
	c := models.Warm(s.warm)
	if s.most > 0 {
		c = c.WithMax(s.most)
	}
	if s.memory > 0 {
		c = c.WithMemory(s.memory)
	}
	return c
}

// flexState takes the state of a group out of an app and the JSON it was read from.
func flexState(site armappservice.Site, data []byte, group string) (state, error) {
	if site.ID == nil || site.Properties == nil {
		return state{}, errors.New("the answer lacks the id or the properties of the app")
	}
	var body struct {
		Properties struct {
			FunctionAppConfig map[string]any `json:"functionAppConfig"`
		} `json:"properties"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber()
	if err := decoder.Decode(&body); err != nil {
		return state{}, err
	}
	s := state{config: body.Properties.FunctionAppConfig, busy: busy(site), memory: defaultMemory}
	if s.config == nil {
		return s, nil
	}
	if site.Location != nil {
		// The same region is written "West Europe" and "westeurope".
		s.region = strings.ToLower(strings.ReplaceAll(*site.Location, " ", ""))
	}
	scale, _ := s.config["scaleAndConcurrency"].(map[string]any)
	s.most = number(scale["maximumInstanceCount"])
	if mb := number(scale["instanceMemoryMB"]); mb > 0 {
		s.memory = mb
	}
	for _, entry := range entries(scale) {
		n := number(entry["instanceCount"])
		s.ready += n
		if name, _ := entry["name"].(string); strings.EqualFold(name, group) {
			s.warm = n
		}
	}
	return s, nil
}

// busy reports whether Azure is carrying out a change of the app.
func busy(site armappservice.Site) bool {
	id := site.Properties.InProgressOperationID
	return id != nil && *id != ""
}

// entries returns the always-ready entries of scaleAndConcurrency.
func entries(scale map[string]any) (all []map[string]any) {
	list, _ := scale["alwaysReady"].([]any)
	for _, item := range list {
		if entry, ok := item.(map[string]any); ok {
			all = append(all, entry)
		}
	}
	return all
}

// number returns a JSON number, 0 for anything else.
func number(value any) int {
	text, _ := value.(json.Number)
	n, err := strconv.Atoi(text.String())
	if err != nil {
		return 0
	}
	return n
}

// with returns the functionAppConfig with a capacity in it and all else as it was. A name that is there keeps its case; a
// group without instances is left out.
func (s state) with(to models.Capacity, group string) (map[string]any, error) {
	data, err := json.Marshal(s.config)
	if err != nil {
		return nil, fmt.Errorf("copy the configuration of the app: %w", err)
	}
	var config map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber()
	if err := decoder.Decode(&config); err != nil {
		return nil, fmt.Errorf("copy the configuration of the app: %w", err)
	}
	scale, ok := config["scaleAndConcurrency"].(map[string]any)
	if !ok {
		scale = make(map[string]any)
		config["scaleAndConcurrency"] = scale
	}
	if warm, ok := to.Warm(); ok {
		scale["alwaysReady"] = replaced(entries(scale), group, warm)
	}
	if most, ok := to.Max(); ok {
		scale["maximumInstanceCount"] = most
	}
	if mb, ok := to.Memory(); ok {
		scale["instanceMemoryMB"] = mb
	}
	return config, nil
}

// replaced returns the entries with the number of one group replaced.
func replaced(all []map[string]any, group string, n int) []any {
	out, found := make([]any, 0, len(all)+1), false
	for _, entry := range all {
		if name, _ := entry["name"].(string); !strings.EqualFold(name, group) {
			out = append(out, entry)
			continue
		}
		if n > 0 && !found {
			entry["instanceCount"] = n
			out = append(out, entry)
		}
		found = true
	}
	if !found && n > 0 {
		out = append(out, map[string]any{"name": group, "instanceCount": n})
	}
	return out
}
