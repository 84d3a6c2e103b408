package azurefunctionstest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/appservice/armappservice/v5"
)

// newer are members of newer API versions than that of the SDK's types. Azure sends them, and takes them back.
func newer() []string { return []string{"properties.functionAppConfig.siteUpdateStrategy"} }

// strict decodes JSON as a type of the SDK, which is made from the API description that Microsoft publishes, and returns what is
// wrong with it: values of another type, and members that the type does not have.
func strict[T any](data []byte) (fields map[string]any, wrong []string) {
	var typed T
	if err := json.Unmarshal(data, &typed); err != nil {
		return nil, []string{err.Error()}
	}
	kept, err := json.Marshal(typed)
	if err != nil {
		return nil, []string{err.Error()}
	}
	fields, ok := decode(data).(map[string]any)
	if !ok {
		return nil, []string{"it is no object"}
	}
	return fields, missing("", fields, decode(kept))
}

// checkSite and checkConfig are strict for the two kinds of bodies.
func checkSite(data []byte) (map[string]any, []string) { return strict[armappservice.Site](data) }

func checkConfig(data []byte) (map[string]any, []string) {
	return strict[armappservice.SiteConfigResource](data)
}

// decode reads JSON with numbers kept as text.
func decode(data []byte) any {
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return nil
	}
	return value
}

// missing returns the paths that are in one value and not in another.
func missing(path string, sent, kept any) (wrong []string) {
	if slices.Contains(newer(), path) {
		return nil
	}
	switch v := sent.(type) {
	case map[string]any:
		other, _ := kept.(map[string]any)
		for _, name := range sortedKeys(v) {
			at := strings.TrimPrefix(path+"."+name, ".")
			if value, ok := other[name]; ok || slices.Contains(newer(), at) {
				wrong = append(wrong, missing(at, v[name], value)...)
				continue
			}
			wrong = append(wrong, fmt.Sprintf("Could not find member '%s' on object at '%s'", name, path))
		}
	case []any:
		other, _ := kept.([]any)
		for i, item := range v {
			if i >= len(other) {
				return append(wrong, path+": an item was lost")
			}
			wrong = append(wrong, missing(fmt.Sprintf("%s[%d]", path, i), item, other[i])...)
		}
	default:
		if sent != kept {
			wrong = append(wrong, fmt.Sprintf("%s: %v became %v", path, sent, kept))
		}
	}
	return wrong
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// at returns what is at a path of decoded JSON, nil for nothing.
func at(value any, path ...string) any {
	for _, name := range path {
		fields, _ := value.(map[string]any)
		value = fields[name]
	}
	return value
}
