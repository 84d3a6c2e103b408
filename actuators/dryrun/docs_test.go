package dryrun_test

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"pilotlight/actuators/dryrun"
)

// TestDocumentation reads the page's example with the configuration's own keys, and looks for a row of every key.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/platforms/dry-run.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	example, _, _ := strings.Cut(rest, "```")
	file := struct {
		Actuators []struct {
			Name   string        `yaml:"name"`
			Type   string        `yaml:"type"`
			Config dryrun.Config `yaml:"config"`
		} `yaml:"actuators"`
	}{}
	decoder := yaml.NewDecoder(strings.NewReader(example))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil || len(file.Actuators) != 1 || file.Actuators[0].Type != dryrun.TypeName {
		t.Fatalf("the example is not one actuator of type %s: %v", dryrun.TypeName, err)
	}
	config := file.Actuators[0].Config
	if err := config.Validate(); err != nil || config.KeepAlive == nil || config.KeepAlive.Std() != 10*time.Minute || *config.Warm != 2 {
		t.Errorf("the example gives %+v, %v", config, err)
	}
	for field := range reflect.TypeFor[dryrun.Config]().Fields() {
		if key := "`" + field.Tag.Get("yaml") + "`"; !strings.Contains(string(page), "| "+key) && !strings.Contains(string(page), ", "+key) {
			t.Errorf("the page has no row for %s", key)
		}
	}
}
