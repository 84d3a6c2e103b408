package advisor_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"pilotlight/models"
	"pilotlight/predictor/advisor"
)

// shown renders a default as the page does.
func shown(v reflect.Value) string {
	if d, ok := reflect.TypeAssert[models.Duration](v); ok {
		return "`" + d.String() + "`"
	}
	if v.Kind() == reflect.String && v.Len() == 0 {
		return "none"
	}
	return fmt.Sprintf("`%v`", v.Interface())
}

// TestDocumentation checks that docs/advisor.md has every key with its default, and no others.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/advisor.md")
	if err != nil {
		t.Fatal(err)
	}
	want, got := map[string]string{}, map[string]string{}
	values := map[string]reflect.Value{}
	keysOf(reflect.ValueOf(advisor.DefaultConfig()), "", values)
	for key, value := range values {
		want[key] = shown(value)
	}
	_, section, _ := strings.Cut(string(page), "\n## Configuration\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (none|`[^`]*`) \\| .+ \\|$").FindAllStringSubmatch(section, -1) {
		got[m[1]] = m[2]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the page (-code +page):\n%s", diff)
	}
	for _, m := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(string(page), -1) {
		if _, err := os.Stat(filepath.Join("../../docs", m[1])); err != nil { //nolint:gosec // the page names its own links
			t.Error(err)
		}
	}
}

// TestExamples reads the examples as the configuration is read.
func TestExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../deploy/examples/advisor/*.yaml")
	if err != nil || len(files) != 5 {
		t.Fatalf("%v %v", files, err)
	}
	page, err := os.ReadFile("../../docs/advisor.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file) //nolint:gosec // the test lists the files
			if err != nil {
				t.Fatal(err)
			}
			all := struct {
				Advisor advisor.Config `yaml:"advisor"`
			}{advisor.DefaultConfig()}
			decoder := yaml.NewDecoder(strings.NewReader(string(text)))
			decoder.KnownFields(true)
			if err := decoder.Decode(&all); err != nil {
				t.Fatal(err)
			}
			if err := all.Advisor.Validate(); err != nil || !all.Advisor.Enabled {
				t.Errorf("enabled %v, %v", all.Advisor.Enabled, err)
			}
			if !strings.Contains(string(page), "examples/advisor/"+filepath.Base(file)) {
				t.Error("the page does not name it")
			}
		})
	}
}
