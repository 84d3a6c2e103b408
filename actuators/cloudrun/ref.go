package cloudrun

import (
	"fmt"
	"regexp"
	"strings"

	"pilotlight/models"
)

// The names as Google allows them. A project may have a domain before it, such as example.com:shop.
var (
	projectPattern = regexp.MustCompile(`^(?:[a-z][a-z0-9.-]{0,61}[a-z0-9]:)?[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)
	regionPattern  = regexp.MustCompile(`^[a-z]+-[a-z]+[0-9]+$`)
	servicePattern = regexp.MustCompile(`^[a-z](?:[a-z0-9-]{0,47}[a-z0-9])?$`)
	// functionPattern allows what a name of Cloud Functions may have besides: upper case and underscores.
	functionPattern = regexp.MustCompile(`^[a-zA-Z](?:[a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?$`)
)

// ref names a service.
type ref struct{ project, region, service string }

// String is the full name of the service in the API.
func (r ref) String() string {
	return "projects/" + r.project + "/locations/" + r.region + "/services/" + r.service
}

// parseRef reads the full name of a service or of a function of the second generation, PROJECT/REGION/SERVICE, which is the id of
// targets in metrics of Cloud Monitoring, or only the name of a service if project and region are configured. Behind each such function is a service, whose name is that of the function in lower case with
// hyphens for underscores.
func parseRef(text, project, region string) (ref, error) {
	r, why := readRef(text, project, region)
	if why != "" {
		return ref{}, fmt.Errorf("ref %q %s: %w", text, why, models.ErrInvalid)
	}
	switch {
	case !projectPattern.MatchString(r.project):
		return ref{}, fmt.Errorf("ref %q has no valid project: %w", text, models.ErrInvalid)
	case !regionPattern.MatchString(r.region):
		return ref{}, fmt.Errorf("ref %q has no valid region: %w", text, models.ErrInvalid)
	}
	return r, nil
}

// readRef takes a reference apart, or says why it cannot.
func readRef(text, project, region string) (r ref, why string) {
	parts := strings.Split(strings.TrimPrefix(text, "//run.googleapis.com/"), "/")
	switch len(parts) {
	case 1:
		if project == "" {
			return r, "is not a full name; write projects/PROJECT/locations/REGION/services/SERVICE, or set project and region"
		}
		parts = []string{"projects", project, "locations", region, "services", text}
	case 3:
		parts = []string{"projects", parts[0], "locations", parts[1], "services", parts[2]}
	}
	if len(parts) != 6 || parts[0] != "projects" || parts[2] != "locations" {
		return r, "is not projects/PROJECT/locations/REGION/services/SERVICE or .../functions/FUNCTION"
	}
	r = ref{project: parts[1], region: parts[3], service: parts[5]}
	switch {
	case parts[4] == "functions" && functionPattern.MatchString(r.service):
		r.service = strings.ReplaceAll(strings.ToLower(r.service), "_", "-")
	case parts[4] != "services" || !servicePattern.MatchString(r.service):
		return r, "does not end in services/SERVICE or functions/FUNCTION with a valid name"
	}
	return r, ""
}
