package azurefunctions_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"pilotlight/actuators/azurefunctions"
)

// TestDocumentation reads the page's example with the configuration's own keys, and looks for a row of every key.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/platforms/azure-functions.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	example, _, _ := strings.Cut(rest, "```")
	var file struct {
		Actuators []struct {
			Type   string
			Config yaml.Node
		}
	}
	if err := yaml.Unmarshal([]byte(example), &file); err != nil || len(file.Actuators) != 1 || file.Actuators[0].Type != azurefunctions.TypeName {
		t.Fatalf("the example is not one actuator of type %s: %v", azurefunctions.TypeName, err)
	}
	block, err := yaml.Marshal(&file.Actuators[0].Config)
	if err != nil {
		t.Fatal(err)
	}
	config := azurefunctions.DefaultConfig()
	decoder := yaml.NewDecoder(strings.NewReader(string(block)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&config); err != nil || config.ResourceGroup != "shop-rg" {
		t.Errorf("the example gives %+v, %v", config, err)
	}
	if err := config.Validate(); err != nil {
		t.Errorf("the example is not valid: %v", err)
	}
	for field := range reflect.TypeFor[azurefunctions.Config]().Fields() {
		if key := "`" + field.Tag.Get("yaml") + "`"; !strings.Contains(string(page), "| "+key) && !strings.Contains(string(page), ", "+key) {
			t.Errorf("the page has no row for %s", key)
		}
	}
}
