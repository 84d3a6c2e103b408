package kubernetes

import (
	"strings"
	"testing"
)

func FuzzRef(f *testing.F) {
	for _, seed := range []string{"prod/app", "prod/Deployment/app", "prod/rollout/app", "a/../b", "/", "prod/app/"} {
		f.Add(seed)
	}
	config := DefaultConfig()
	config.Kinds = map[string]string{"Rollout": "rollouts.v1alpha1.argoproj.io"}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := config.parseRef(text)
		if err != nil {
			return
		}
		if strings.ContainsAny(r.namespace+r.name, "/?#% \n") || strings.HasPrefix(r.name, ".") || r.kind.resource.Resource == "" {
			t.Fatalf("%q is taken for %+v", text, r)
		}
		if !strings.HasPrefix(text, r.namespace+"/") || !strings.HasSuffix(text, "/"+r.name) {
			t.Fatalf("%q is taken for %s", text, r)
		}
	})
}
