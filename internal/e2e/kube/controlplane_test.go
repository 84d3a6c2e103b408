//go:build kube

package kube

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// adminToken is that of the test itself, who may do everything; nobodyToken is that of somebody without any permission.
const (
	adminToken  = "admin-of-the-test"
	nobodyToken = "nobody-of-the-test"
)

// patience bounds waits for what must come promptly; it is long, as a loaded machine is no failure.
const patience = 2 * time.Minute

// controlPlane is a running API server.
type controlPlane struct {
	url string
	// authority is the certificate to trust, in PEM.
	authority []byte
	admin     dynamic.Interface
}

// plane is the one that all tests share, each in namespaces of its own.
var plane *controlPlane

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p, stop, err := startControlPlane(ctx)
	defer stop()
	if err == nil {
		err = p.install(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	plane = p
	return m.Run()
}

// startControlPlane starts etcd and kube-apiserver on loopback. stop must be called even after an error.
func startControlPlane(ctx context.Context) (p *controlPlane, stop func(), err error) {
	var stops []func()
	stop = func() {
		// The API server first: without etcd it does not end.
		for _, s := range slices.Backward(stops) {
			s()
		}
	}
	programs := os.Getenv("PILOTLIGHT_CONTROL_PLANE")
	if programs == "" {
		return nil, stop, errors.New("PILOTLIGHT_CONTROL_PLANE does not name the folder that scripts/controlplane.sh printed; use make test-kube")
	}
	dir, err := os.MkdirTemp("", "pilotlight-kube")
	if err != nil {
		return nil, stop, err
	}
	stops = append(stops, func() { _ = os.RemoveAll(dir) })
	ports, err := freePorts(ctx, 3)
	if err != nil {
		return nil, stop, err
	}
	store, peer := "http://127.0.0.1:"+ports[0], "http://127.0.0.1:"+ports[1]
	halt, err := run(filepath.Join(programs, "etcd"), "--data-dir="+dir+"/etcd", "--listen-client-urls="+store, "--advertise-client-urls="+store,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer, "--unsafe-no-fsync", "--log-level=error")
	if err != nil {
		return nil, stop, err
	}
	stops = append(stops, halt)
	files, err := credentials(dir)
	if err != nil {
		return nil, stop, err
	}
	halt, err = run(filepath.Join(programs, "kube-apiserver"), append(files, "--etcd-servers="+store, "--bind-address=127.0.0.1", "--secure-port="+ports[2],
		"--endpoint-reconciler-type=none", "--cert-dir="+dir+"/certs", "--service-account-issuer=https://kubernetes.default.svc",
		"--service-cluster-ip-range=10.0.0.0/24", "--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount")...)
	if err != nil {
		return nil, stop, err
	}
	stops = append(stops, halt)
	p = &controlPlane{url: "https://127.0.0.1:" + ports[2]}
	return p, stop, p.connect(ctx, filepath.Join(dir, "certs", "apiserver.crt"))
}

// freePorts returns ports of loopback that nobody listens on.
func freePorts(ctx context.Context, n int) ([]string, error) {
	var ports []string
	for range n {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }()
		ports = append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return ports, nil
}

// credentials writes the tokens and the keys of service accounts, and returns the flags that name them.
func credentials(dir string) ([]string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	for name, data := range map[string][]byte{
		"sa.key":     pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}),
		"sa.pub":     pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}),
		"tokens.csv": []byte(adminToken + ",admin,admin,system:masters\n" + nobodyToken + ",nobody,nobody\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return nil, err
		}
	}
	return []string{
		"--token-auth-file=" + dir + "/tokens.csv", "--service-account-key-file=" + dir + "/sa.pub",
		"--service-account-signing-key-file=" + dir + "/sa.key",
	}, nil
}

// run starts a program and returns how to stop it. What it says is shown if it ends by itself.
func run(program string, args ...string) (stop func(), err error) {
	var out bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	return func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-done:
			if err != nil && !strings.Contains(err.Error(), "terminated") {
				fmt.Fprintf(os.Stderr, "%s: %v\n%s\n", filepath.Base(program), err, lastLines(out.String()))
			}
		case <-time.After(15 * time.Second):
			_ = cmd.Process.Kill()
			<-done
		}
	}, nil
}

func lastLines(text string) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// connect waits until the server is ready.
func (p *controlPlane) connect(ctx context.Context, certificate string) error {
	return wait(ctx, "kube-apiserver is not ready", func() error {
		var err error
		if p.authority, err = os.ReadFile(certificate); err != nil {
			return err
		}
		config := &rest.Config{
			Host: p.url, BearerToken: adminToken, TLSClientConfig: rest.TLSClientConfig{CAData: p.authority}, QPS: -1, WarningHandler: rest.NoWarnings{},
		}
		client, err := rest.HTTPClientFor(config)
		if err != nil {
			return err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/readyz", http.NoBody)
		if err != nil {
			return err
		}
		answer, err := client.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = answer.Body.Close() }()
		if body, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", answer.Status, body)
		}
		p.admin, err = dynamic.NewForConfigAndClient(config, client)
		return err
	})
}

// wait tries until it works.
func wait(ctx context.Context, otherwise string, try func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: %w", otherwise, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// install makes the definitions of KEDA and Knative known, and Pilotlight's service account with the roles of the examples.
func (p *controlPlane) install(ctx context.Context) error {
	definitions, err := filepath.Glob(filepath.Join(os.Getenv("PILOTLIGHT_CONTROL_PLANE"), "definitions", "*.yaml"))
	if err != nil || len(definitions) != 5 {
		return fmt.Errorf("definitions %v, %w", definitions, err)
	}
	roles, err := filepath.Glob("../../../deploy/examples/rbac/*.yaml")
	if err != nil || len(roles) != 2 {
		return fmt.Errorf("roles %v, %w", roles, err)
	}
	namespace := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "pilotlight"}}}
	if _, err := p.admin.Resource(namespaces).Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
		return err
	}
	for _, file := range slices.Concat(definitions, roles) {
		if err := p.applyFile(ctx, file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	for _, gvr := range []schema.GroupVersionResource{scaledObjects, revisions, services, configurations, podAutoscalers} {
		if err := wait(ctx, gvr.String()+" is not served", func() error {
			_, err := p.admin.Resource(gvr).Namespace("default").List(ctx, metav1.ListOptions{})
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// applyFile applies all objects of a YAML file.
func (p *controlPlane) applyFile(ctx context.Context, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var object map[string]any
		if err := decoder.Decode(&object); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		u := &unstructured.Unstructured{}
		if text, err := json.Marshal(object); err != nil {
			return err
		} else if err := u.UnmarshalJSON(text); err != nil {
			return err
		}
		group := u.GroupVersionKind()
		gvr := group.GroupVersion().WithResource(strings.ToLower(group.Kind) + "s")
		var to dynamic.ResourceInterface = p.admin.Resource(gvr)
		if u.GetNamespace() != "" {
			to = p.admin.Resource(gvr).Namespace(u.GetNamespace())
		}
		if _, err := to.Apply(ctx, u.GetName(), u, metav1.ApplyOptions{FieldManager: "install", Force: true}); err != nil {
			return err
		}
	}
}

// The types that the tests use.
var (
	namespaces      = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	serviceAccounts = schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
	definitions     = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	deployments     = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	autoscalers     = schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}
	scaledObjects   = schema.GroupVersionResource{Group: "keda.sh", Version: "v1alpha1", Resource: "scaledobjects"}
	services        = schema.GroupVersionResource{Group: "serving.knative.dev", Version: "v1", Resource: "services"}
	configurations  = schema.GroupVersionResource{Group: "serving.knative.dev", Version: "v1", Resource: "configurations"}
	revisions       = schema.GroupVersionResource{Group: "serving.knative.dev", Version: "v1", Resource: "revisions"}
	podAutoscalers  = schema.GroupVersionResource{Group: "autoscaling.internal.knative.dev", Version: "v1alpha1", Resource: "podautoscalers"}
)

// token asks the server for a token of Pilotlight's service account.
func (p *controlPlane) token(t *testing.T) string {
	t.Helper()
	request := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": map[string]any{"name": "pilotlight"}, "spec": map[string]any{},
	}}
	answer, err := p.admin.Resource(serviceAccounts).Namespace("pilotlight").Create(t.Context(), request, metav1.CreateOptions{}, "token")
	if err != nil {
		t.Fatal(err)
	}
	token, _, _ := unstructured.NestedString(answer.Object, "status", "token")
	return token
}

// namespace makes a namespace of the test.
func (p *controlPlane) namespace(t *testing.T) string {
	t.Helper()
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"generateName": "test-"},
	}}
	made, err := p.admin.Resource(namespaces).Create(t.Context(), object, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return made.GetName()
}

// create makes an object from its JSON, and gives it its status.
func (p *controlPlane) create(t *testing.T, gvr schema.GroupVersionResource, namespace, object string) {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON([]byte(object)); err != nil {
		t.Fatalf("%v: %s", err, object)
	}
	status, withStatus := u.Object["status"]
	if _, err := p.admin.Resource(gvr).Namespace(namespace).Create(t.Context(), u, metav1.CreateOptions{FieldManager: "test"}); err != nil {
		t.Fatal(err)
	}
	if withStatus {
		p.patch(t, gvr, namespace, u.GetName(), map[string]any{"status": status}, "status")
	}
}

// patch changes an object as somebody else would.
func (p *controlPlane) patch(t *testing.T, gvr schema.GroupVersionResource, namespace, name string, change map[string]any, subresources ...string) {
	t.Helper()
	data, err := json.Marshal(change)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.admin.Resource(gvr).Namespace(namespace).Patch(context.WithoutCancel(t.Context()), name, types.MergePatchType, data,
		metav1.PatchOptions{FieldManager: "test"}, subresources...); err != nil {
		t.Fatal(err)
	}
}

// get reads an object.
func (p *controlPlane) get(t *testing.T, gvr schema.GroupVersionResource, namespace, name string) map[string]any {
	t.Helper()
	object, err := p.admin.Resource(gvr).Namespace(namespace).Get(context.WithoutCancel(t.Context()), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return object.Object
}

// number reads a whole number of an object, -1 if it has none.
func number(object map[string]any, path ...string) int64 {
	n, ok, err := unstructured.NestedInt64(object, path...)
	if err != nil || !ok {
		return -1
	}
	return n
}
