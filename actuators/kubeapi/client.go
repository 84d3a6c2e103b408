// Package kubeapi is how the adapters for Kubernetes and Knative talk to an API server: credentials from a kubeconfig or the
// pod they run in, one request per call, errors classified as package actuators wants them, and patches that name their
// author and the version they were made for.
//
// The retries of client-go are off: the decorators of package actuators decide what is tried again.
package kubeapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"pilotlight/actuators"
	"pilotlight/models"
)

// FieldManager is the name under which the cluster records what Pilotlight wrote, in metadata.managedFields.
const FieldManager = "pilotlight"

// pageSize is how many objects one request for a list returns at most, and maxPages how many such requests one list may take.
const (
	pageSize = 500
	maxPages = 1000
)

// Access says which cluster to talk to, and as whom.
type Access struct {
	// Kubeconfig is the file with the cluster and the credentials; empty uses the service account of the pod.
	Kubeconfig string
	// Context is the one of the kubeconfig to use; empty is its current one.
	Context string
	// Requests bounds the requests per second.
	Requests actuators.RateLimitConfig
}

// Object names one object, or with an empty Name all of its type in a namespace.
type Object struct {
	Resource schema.GroupVersionResource
	// Namespace is empty for objects of the cluster as a whole.
	Namespace, Name string
	// Subresource is such as "scale"; may be empty.
	Subresource string
}

// String renders the object for people, such as deployments.apps prod/checkout.
func (o Object) String() string {
	text := o.Resource.GroupResource().String()
	if o.Subresource != "" {
		text += "/" + o.Subresource
	}
	if o.Namespace != "" {
		return text + " " + o.Namespace + "/" + o.Name
	}
	return text + " " + o.Name
}

// path returns the path of the object; every part is escaped by the client.
func (o Object) path() []string {
	parts := []string{"apis", o.Resource.Group, o.Resource.Version}
	if o.Resource.Group == "" {
		parts = []string{"api", o.Resource.Version}
	}
	if o.Namespace != "" {
		parts = append(parts, "namespaces", o.Namespace)
	}
	parts = append(parts, o.Resource.Resource)
	if o.Name != "" {
		parts = append(parts, o.Name)
	}
	if o.Subresource != "" {
		parts = append(parts, o.Subresource)
	}
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
		if strings.Trim(parts[i], ".") == "" {
			// No object has such a name, and no path may be left by it.
			parts[i] = strings.ReplaceAll(parts[i], ".", "%2E")
		}
	}
	return parts
}

// Client talks to one cluster. It connects when it is first used, so that making it needs neither the file nor the cluster.
// It is safe for concurrent use.
type Client struct {
	access  Access
	budgets *actuators.Budgets

	mu   sync.Mutex
	rest rest.Interface
	// bucket is the budget of the API server, which is known once the credentials are read.
	bucket *rate.Limiter
}

// NewClient returns a client.
func NewClient(access Access) *Client {
	return &Client{access: access, budgets: actuators.NewBudgets()}
}

// Share makes the client take its turns from budgets that others share, under the address of its API server. Call it before the
// client is used.
func (c *Client) Share(budgets *actuators.Budgets) { c.budgets = budgets }

// connect reads the credentials, once.
func (c *Client) connect() (rest.Interface, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rest != nil {
		return c.rest, nil
	}
	config, err := c.restConfig()
	if err != nil {
		return nil, &credentialsError{err}
	}
	config.UserAgent = FieldManager
	// Warnings would go to the standard error, and the client's own limit would be a second one.
	config.WarningHandler = rest.NoWarnings{}
	config.QPS = -1
	config.ContentType = runtime.ContentTypeJSON
	config.AcceptContentTypes = runtime.ContentTypeJSON
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.GroupVersion = &schema.GroupVersion{Version: "v1"}
	sender, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, &credentialsError{err}
	}
	// An API server does not send elsewhere, and a token is for it alone.
	sender.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	made, err := rest.UnversionedRESTClientForConfigAndClient(config, sender)
	if err != nil {
		return nil, &credentialsError{err}
	}
	c.rest, c.bucket = made, c.budgets.Bucket("kubernetes "+strings.TrimRight(config.Host, "/"), c.access.Requests)
	return made, nil
}

// restConfig reads the kubeconfig, or what the pod is given.
func (c *Client) restConfig() (*rest.Config, error) {
	if c.access.Kubeconfig == "" {
		config, err := rest.InClusterConfig()
		if errors.Is(err, rest.ErrNotInCluster) {
			return nil, errors.New("this process runs in no pod, so name a kubeconfig")
		}
		return config, err
	}
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: c.access.Kubeconfig},
		&clientcmd.ConfigOverrides{CurrentContext: c.access.Context},
	).ClientConfig()
}

// Get reads an object into a T. Errors are *actuators.Error.
func Get[T any](ctx context.Context, c *Client, o Object) (T, error) {
	var out T
	op := "get " + o.String()
	data, err := c.send(ctx, func(api rest.Interface) *rest.Request { return api.Get().AbsPath(o.path()...) })
	if err != nil {
		return out, c.classify(ctx, op, err)
	}
	if err := isObject(data, o.Name); err != nil {
		return out, unreadable(op, err)
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return out, unreadable(op, err)
	}
	return out, nil
}

// isObject returns nil if data is an object of that name. Something in between may answer with JSON of another kind, which would
// read as an object whose fields all have their defaults.
func isObject(data []byte, name string) error {
	var head struct {
		Kind     string `json:"kind"`
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return err
	}
	if head.Kind == "" || head.Metadata.Name != name {
		return fmt.Errorf("it is not the object but one of kind %q with the name %q", head.Kind, head.Metadata.Name)
	}
	return nil
}

// list is the part of a list that all types share.
type list[T any] struct {
	Kind     string          `json:"kind"`
	Metadata metav1.ListMeta `json:"metadata"`
	Items    []T             `json:"items"`
}

// List reads all objects of a type in a namespace whose labels fit the selector. Errors are *actuators.Error.
func List[T any](ctx context.Context, c *Client, o Object, selector string) ([]T, error) {
	op := "list " + o.Resource.GroupResource().String() + " in " + o.Namespace
	var all []T
	next := ""
	for range maxPages {
		data, err := c.send(ctx, func(api rest.Interface) *rest.Request {
			r := api.Get().AbsPath(o.path()...).Param("limit", strconv.Itoa(pageSize))
			if selector != "" {
				r = r.Param("labelSelector", selector)
			}
			if next != "" {
				r = r.Param("continue", next)
			}
			return r
		})
		if err != nil {
			return nil, c.classify(ctx, op, err)
		}
		var page list[T]
		if err := json.Unmarshal(data, &page); err != nil {
			return nil, unreadable(op, err)
		}
		if !strings.HasSuffix(page.Kind, "List") {
			// Without this, JSON of another kind would say that there are none.
			return nil, unreadable(op, fmt.Errorf("it is no list but of kind %q", page.Kind))
		}
		all = append(all, page.Items...)
		if next = page.Metadata.Continue; next == "" {
			return all, nil
		}
	}
	return nil, &actuators.Error{
		Kind: models.KindPermanent, Op: op, Err: fmt.Errorf("the list does not end after %d pages of %d", maxPages, pageSize),
	}
}

// Patcher is Patch or CheckPatch.
type Patcher func(ctx context.Context, c *Client, o Object, version string, patch map[string]any) error

// Patch changes fields of an object that must still have that resource version, else the error is of kind conflict. It asks
// actuators.MayWrite right before it writes, and returns its error unchanged; other errors are *actuators.Error.
//
// The patch is a JSON merge patch: it changes what it names and no more, needs no force, and needs the permission patch only.
func Patch(ctx context.Context, c *Client, o Object, version string, patch map[string]any) error {
	return c.patch(ctx, "patch "+o.String(), o, version, patch, true)
}

// CheckPatch is Patch with dryRun=All: the server checks permissions, values, version and admission, and changes nothing. It does not
// ask actuators.MayWrite.
func CheckPatch(ctx context.Context, c *Client, o Object, version string, patch map[string]any) error {
	return c.patch(ctx, "check patch "+o.String(), o, version, patch, false)
}

// patch sends a patch, to be carried out if it writes, else only to be checked.
func (c *Client) patch(ctx context.Context, op string, o Object, version string, patch map[string]any, writes bool) error {
	metadata := map[string]any{"resourceVersion": version}
	if given, ok := patch["metadata"].(map[string]any); ok {
		maps.Copy(metadata, given)
	}
	body := maps.Clone(patch)
	body["metadata"] = metadata
	data, err := json.Marshal(body)
	if err != nil {
		return &actuators.Error{Kind: models.KindInvalid, Op: op, Err: err}
	}
	var held error
	_, err = c.send(ctx, func(api rest.Interface) *rest.Request {
		r := api.Patch(types.MergePatchType).AbsPath(o.path()...).
			Param("fieldManager", FieldManager).Param("fieldValidation", metav1.FieldValidationStrict).Body(data)
		if !writes {
			return r.Param("dryRun", metav1.DryRunAll)
		}
		if held = actuators.MayWrite(ctx); held != nil {
			return nil
		}
		return r
	})
	if held != nil && ctx.Err() == nil {
		return held
	}
	return c.classify(ctx, op, err)
}

// send waits for its turn and sends one request; build returns nil to send none.
func (c *Client) send(ctx context.Context, build func(rest.Interface) *rest.Request) ([]byte, error) {
	api, err := c.connect()
	if err != nil {
		return nil, err
	}
	if err := actuators.AwaitTurn(ctx, c.bucket); err != nil {
		return nil, err
	}
	request := build(api)
	if request == nil {
		return nil, actuators.Ended(ctx)
	}
	// What client-go would log is returned as an error too.
	answer := request.MaxRetries(0).Do(klog.NewContext(ctx, logr.Discard()))
	if err := answer.Error(); err != nil {
		return nil, err
	}
	return answer.Raw()
}
