package kubernetes

import (
	"fmt"
	"regexp"
	"strings"

	"pilotlight/actuators/kubeapi"
	"pilotlight/models"
)

// namePattern is what names of objects look like (RFC 1123 subdomains).
var namePattern = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)

// ref names a workload.
type ref struct {
	namespace, name string
	kind            kind
}

// parseRef reads namespace/name, which is a Deployment, or namespace/Kind/name.
func (c Config) parseRef(text string) (ref, error) {
	parts := strings.Split(text, "/")
	kindName := "Deployment"
	if len(parts) == 3 {
		kindName = parts[1]
	}
	if len(parts) < 2 || len(parts) > 3 {
		return ref{}, fmt.Errorf("ref %q: write namespace/name of a Deployment, or namespace/Kind/name: %w", text, models.ErrInvalid)
	}
	r := ref{namespace: parts[0], name: parts[len(parts)-1]}
	for _, name := range []string{r.namespace, r.name} {
		if !namePattern.MatchString(name) {
			return ref{}, fmt.Errorf("ref %q: %q is no name of an object: %w", text, name, models.ErrInvalid)
		}
	}
	var known bool
	if r.kind, known = c.kindNamed(kindName); !known {
		return ref{}, fmt.Errorf("ref %q: the kind %q is not Deployment, StatefulSet or ReplicaSet; name others under kinds: %w",
			text, kindName, models.ErrInvalid)
	}
	return r, nil
}

// String renders the reference in full.
func (r ref) String() string { return r.kind.name + " " + r.namespace + "/" + r.name }

// object returns the workload, and with "scale" its subresource.
func (r ref) object(subresource string) kubeapi.Object {
	return kubeapi.Object{Resource: r.kind.resource, Namespace: r.namespace, Name: r.name, Subresource: subresource}
}

// is reports whether a reference by kind, name and API version, as autoscalers hold them, means this workload. The version within the
// group does not matter, and a missing one is left to the kind.
func (r ref) is(kindName, name, apiVersion string) bool {
	group, _, grouped := strings.Cut(apiVersion, "/")
	return kindName == r.kind.name && name == r.name && (!grouped || group == r.kind.resource.Group)
}
