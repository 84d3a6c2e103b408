package app

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"pilotlight/internal/config"
	"pilotlight/internal/engine"
	"pilotlight/predictor"
)

// root is the folder of the module, seen from this package.
const root = "../.."

// part is what the tests need to know about an entry of a list of factories.
type part struct {
	family, kind, suite, docs string
	decode                    config.Decoder
	// config is an example of the part's configuration that its Decoder takes.
	config string
}

// listedParts returns the entries of both lists, each with a configuration that must decode. A new part needs a line here if
// its defaults alone are not valid.
func listedParts() []part {
	examples := map[string]string{
		"prometheus": `{url: "http://localhost:9090"}`, "trace": "{dir: traces/small}",
		"openfaas": `{url: "http://gateway:8080"}`, "webhook": `{url: "https://ops.example.com/scale", secret_file: secret}`,
	}
	var all []part
	for _, f := range collectorFactories() {
		all = append(all, part{"collectors", f.kind, "collectorstest", "docs/collectors", f.decode, examples[f.kind]})
	}
	for _, f := range actuatorFactories() {
		all = append(all, part{"actuators", f.kind, "actuatorstest", "docs/platforms", f.decode, examples[f.kind]})
	}
	return all
}

// TestPartsAreComplete checks that everything in the lists of factories has a conformance suite, a page of documentation and a
// name that fits.
func TestPartsAreComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range listedParts() {
		if seen[p.family+p.kind] {
			t.Errorf("%s: the type %q is listed twice", p.family, p.kind)
		}
		seen[p.family+p.kind] = true
		t.Run(p.family+"/"+p.kind, func(t *testing.T) {
			t.Parallel()
			if !regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`).MatchString(p.kind) {
				t.Errorf("the type %q is not in snake_case", p.kind)
			}
			pkg := packageOf(t, p)
			if filepath.Dir(pkg) != p.family {
				t.Errorf("its package %s is not a folder of %s", pkg, p.family)
			}
			if !runsSuite(t, filepath.Join(root, pkg), "pilotlight/"+p.family+"/"+p.suite) {
				t.Errorf("no test of %s calls %s.Run: every part must pass the conformance suite of its family", pkg, p.suite)
			}
			page := filepath.Join(root, p.docs, strings.ReplaceAll(p.kind, "_", "-")+".md")
			if !strings.Contains(read(t, page), "type: "+p.kind+"\n") {
				t.Errorf("%s has no example with type: %s", page, p.kind)
			}
		})
	}
}

// TestModelsPassTheSuite checks that the tests of the predictor range over all models with the conformance suite.
func TestModelsPassTheSuite(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, m := range predictor.Models() {
		if seen[m.Name] || !regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`).MatchString(m.Name) || m.Doc == "" || m.New == nil {
			t.Errorf("model %q: want a name of its own in snake_case, a sentence about it and a constructor", m.Name)
		}
		seen[m.Name] = true
	}
	if !rangesOverModels(t, filepath.Join(root, "predictor")) {
		t.Error("no test of predictor ranges over Models() and calls predictortest.Run inside")
	}
}

// packageOf returns the folder of the package that a part's configuration belongs to.
func packageOf(t *testing.T, p part) string {
	t.Helper()
	cfg, err := p.decode(node(t, p.config))
	if err != nil {
		t.Fatalf("its example %q: %v", p.config, err)
	}
	pkg, ok := strings.CutPrefix(reflect.TypeOf(cfg).PkgPath(), "pilotlight/")
	if !ok {
		t.Fatalf("its configuration is a %T, which is not of this module", cfg)
	}
	return pkg
}

// node parses YAML; "" is no node.
func node(t *testing.T, text string) *yaml.Node {
	t.Helper()
	if text == "" {
		return nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Content[0]
}

// testFiles parses the tests of a folder that run without build tags.
func testFiles(t *testing.T, dir string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		src := read(t, name)
		if strings.HasPrefix(src, "//go:build") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// runsSuite reports whether a test in the folder calls Run of the suite's package.
func runsSuite(t *testing.T, dir, suite string) bool {
	t.Helper()
	return slices.ContainsFunc(testFiles(t, dir), func(f *ast.File) bool {
		name := importedAs(f, suite)
		return name != "" && slices.ContainsFunc(f.Decls, func(d ast.Decl) bool { return isTest(d) && calls(d, name, "Run") })
	})
}

// rangesOverModels reports whether a test in the folder has a loop over Models() that calls predictortest.Run.
func rangesOverModels(t *testing.T, dir string) bool {
	t.Helper()
	found := false
	for _, f := range testFiles(t, dir) {
		suite := importedAs(f, "pilotlight/predictor/predictortest")
		for _, d := range f.Decls {
			if suite == "" || !isTest(d) {
				continue
			}
			ast.Inspect(d, func(n ast.Node) bool {
				loop, ok := n.(*ast.RangeStmt)
				found = found || ok && calls(loop.X, "", "Models") && calls(loop.Body, suite, "Run")
				return true
			})
		}
	}
	return found
}

// isTest reports whether a declaration is a test.
func isTest(d ast.Decl) bool {
	f, ok := d.(*ast.FuncDecl)
	return ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test")
}

// importedAs returns the name by which a file knows a package, "" if it does not import it.
func importedAs(f *ast.File, path string) string {
	for _, i := range f.Imports {
		if i.Path.Value != `"`+path+`"` {
			continue
		}
		if i.Name != nil {
			return i.Name.Name
		}
		return path[strings.LastIndexByte(path, '/')+1:]
	}
	return ""
}

// calls reports whether there is a call of pkg.name below a node; pkg "" is any package, or none.
func calls(root ast.Node, pkg, name string) bool {
	found := false
	ast.Inspect(root, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		switch fun := call.Fun.(type) {
		case *ast.SelectorExpr:
			x, ok := fun.X.(*ast.Ident)
			found = found || ok && fun.Sel.Name == name && (pkg == "" || x.Name == pkg)
		case *ast.Ident:
			found = found || pkg == "" && fun.Name == name
		}
		return true
	})
	return found
}

// TestPartsDocumentTheirKeys checks that the page of each part names every key of its configuration.
func TestPartsDocumentTheirKeys(t *testing.T) {
	t.Parallel()
	for _, p := range listedParts() {
		t.Run(p.family+"/"+p.kind, func(t *testing.T) {
			t.Parallel()
			cfg, err := p.decode(node(t, p.config))
			if err != nil {
				t.Fatal(err)
			}
			page := read(t, filepath.Join(root, p.docs, strings.ReplaceAll(p.kind, "_", "-")+".md"))
			typ := reflect.TypeOf(cfg)
			for field := range typ.Fields() {
				key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
				if key != "" && key != "-" && !strings.Contains(page, "`"+key+"`") {
					t.Errorf("the page does not say what %s is", key)
				}
			}
		})
	}
}

// TestPartsResolvePaths checks that relative files of all parts are found below the folder of the configuration file.
func TestPartsResolvePaths(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := write(t, dir, "p.yaml", `
collectors:
  - {name: prom, type: prometheus, config: {url: "http://localhost:9090", http: {authorization: {credentials_file: secret}}}}
  - {name: recorded, type: trace, config: {dir: traces/small}}
actuators:
  - {name: aws, type: aws_lambda, config: {region: eu-west-1, config_files: [aws/config, /etc/aws/config], credentials_files: [aws/credentials]}}
  - {name: faas, type: openfaas, config: {url: "http://gateway:8080", http: {basic_auth: {username: admin, password_file: faas/password}}}}
  - {name: hook, type: webhook, config: {url: "http://hook", secret_file: hook/secret, http: {tls_config: {ca_file: hook/ca}}}}
targets:
  - {match: "*", actuator: aws, limits: {max_warm: 1}}
`)
	cfg, err := config.Load(path, "", parts(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, p := range append(cfg.Collectors(), cfg.Actuators()...) {
		text, err := yaml.Marshal(p.Config)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	for _, want := range []string{
		"credentials_file: " + dir + "/secret", "dir: " + dir + "/traces/small", "- " + dir + "/aws/config", "- /etc/aws/config",
		"- " + dir + "/aws/credentials", "password_file: " + dir + "/faas/password", "secret_file: " + dir + "/hook/secret", "ca_file: " + dir + "/hook/ca",
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("%q is not in the configuration of the parts:\n%s", want, all.String())
		}
	}
	if strings.Contains(cfg.Redacted(), dir) {
		t.Errorf("the folder is part of the effective configuration:\n%s", cfg.Redacted())
	}
}

// TestExamples loads the examples with the real parts, as the daemon does, and builds the engine's parts from them.
func TestExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(root, "deploy/examples/*.yaml"))
	if err != nil || len(files) < 2 {
		t.Fatalf("examples %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text := read(t, file)
			// The files that the example names are not on this machine: they are put into a folder of their own.
			dir := t.TempDir()
			const folder = "/etc/pilotlight/"
			for _, m := range regexp.MustCompile(folder+`[\w.]+`).FindAllString(text, -1) {
				write(t, dir, filepath.Base(m), strings.Repeat(filepath.Base(m)+"-", 4))
			}
			write(t, dir, "campaigns.ics", read(t, filepath.Join(root, "deploy/examples/campaigns.ics"))) // which lies beside the example
			path := write(t, dir, "p.yaml", strings.ReplaceAll(text, folder, ""))
			stdio := IO{Out: t.Output(), Err: t.Output(), Env: func(name string) (string, bool) { return name + "-0123456789abcdef", true }}
			for _, mode := range []string{"", "dry-run"} {
				cfg, m, err := load(stdio, path, mode)
				if err != nil {
					t.Fatalf("mode %q: %v", mode, err)
				}
				if mode != "" && string(m) != mode {
					t.Errorf("mode %q became %q", mode, m)
				}
				if _, err := cfg.Tokens(); err != nil {
					t.Errorf("tokens: %v", err)
				}
				if _, err := build(cfg, m, &engine.Gate{}, testEnv(t)); err != nil {
					t.Errorf("mode %q: %v", mode, err)
				}
			}
			if err := Check(stdio, path); err != nil {
				t.Error(err)
			}
		})
	}
}
