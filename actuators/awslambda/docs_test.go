package awslambda_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"pilotlight/actuators/awslambda"
)

// TestDocumentation reads the examples of the pages with the configurations' own keys, and looks for a row of every key.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	lambda := awslambda.DefaultConfig()
	page := documentation(t, "aws-lambda.md", awslambda.TypeName, &lambda)
	wantRows(t, page, reflect.TypeFor[awslambda.Config]())
	queues := awslambda.DefaultQueuesConfig()
	page = documentation(t, "aws-lambda-sqs.md", awslambda.QueuesTypeName, &queues)
	wantRows(t, page, reflect.TypeFor[awslambda.QueuesConfig]())
	for _, c := range []struct {
		region string
		err    error
	}{{lambda.Region, lambda.Validate()}, {queues.Region, queues.Validate()}} {
		if c.region != "eu-west-1" || c.err != nil {
			t.Errorf("an example has the region %q and is not valid: %v", c.region, c.err)
		}
	}
}

// documentation returns a page, after reading its first example of an actuator into config.
func documentation(t *testing.T, name, typeName string, config any) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/platforms/" + name) //nolint:gosec // the test names the pages
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
	if err := yaml.Unmarshal([]byte(example), &file); err != nil || len(file.Actuators) != 1 || file.Actuators[0].Type != typeName {
		t.Fatalf("%s: the example is not one actuator of type %s: %v", name, typeName, err)
	}
	block, err := yaml.Marshal(&file.Actuators[0].Config)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(block)))
	decoder.KnownFields(true)
	if err := decoder.Decode(config); err != nil {
		t.Errorf("%s: the example: %v", name, err)
	}
	return string(page)
}

// wantRows looks for a row of every key of a configuration, those of embedded ones too.
func wantRows(t *testing.T, page string, config reflect.Type) {
	t.Helper()
	for field := range config.Fields() {
		if field.Anonymous {
			wantRows(t, page, field.Type)
			continue
		}
		if key := "`" + field.Tag.Get("yaml") + "`"; !strings.Contains(page, "| "+key) && !strings.Contains(page, ", "+key) {
			t.Errorf("the page has no row for %s", key)
		}
	}
}
