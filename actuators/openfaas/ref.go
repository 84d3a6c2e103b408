package openfaas

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"pilotlight/models"
)

// namePattern is what functions and namespaces may be called.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$`)

// ref names a function.
type ref struct {
	name string
	// namespace is "" for the gateway's default.
	namespace string
}

// parseRef reads name or name.namespace, as the gateway writes them in the address of a function. A reference without a
// namespace gets the one given.
func parseRef(text, namespace string) (ref, error) {
	r := ref{name: text, namespace: namespace}
	if name, ns, ok := strings.Cut(text, "."); ok {
		r = ref{name: name, namespace: ns}
		if !namePattern.MatchString(ns) {
			return ref{}, fmt.Errorf("ref %q: there is no namespace %q; write function or function.namespace: %w", text, ns, models.ErrInvalid)
		}
	}
	if !namePattern.MatchString(r.name) {
		return ref{}, fmt.Errorf("ref %q: write function or function.namespace: %w", text, models.ErrInvalid)
	}
	return r, nil
}

// address returns the address of the function's resource.
func (r ref) address(base, path string) string {
	address := strings.TrimRight(base, "/") + path + r.name
	if r.namespace != "" {
		address += "?" + url.Values{"namespace": {r.namespace}}.Encode()
	}
	return address
}

// String renders the reference.
func (r ref) String() string {
	if r.namespace == "" {
		return r.name
	}
	return r.name + "." + r.namespace
}
