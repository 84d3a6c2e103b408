package azurefunctions

import (
	"fmt"
	"regexp"
	"strings"

	"pilotlight/models"
)

// The names as Azure allows them.
var (
	subscriptionPattern  = regexp.MustCompile(`^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	resourceGroupPattern = regexp.MustCompile(`^[\p{L}\p{N}_().-]{0,89}[\p{L}\p{N}_()-]$`)
	sitePattern          = regexp.MustCompile(`^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,58}[a-zA-Z0-9])?$`)
	groupPattern         = regexp.MustCompile(`^(?:http|durable|blob|function:[a-zA-Z][a-zA-Z0-9_-]{0,127})$`)
)

// app names a function app.
type app struct{ subscription, resourceGroup, site string }

// ref names a group of functions of an app.
type ref struct {
	app
	// group is that of Flex Consumption, "" on Premium.
	group string
}

// id is the id of the app in Azure Resource Manager.
func (a app) id() string {
	return "/subscriptions/" + a.subscription + "/resourceGroups/" + a.resourceGroup + "/providers/Microsoft.Web/sites/" + a.site
}

// key is the same for all ways to write the id, in which upper and lower case do not count.
func (a app) key() string { return strings.ToLower(a.id()) }

// String renders the reference.
func (r ref) String() string {
	if r.group == "" {
		return r.id()
	}
	return r.id() + "#" + r.group
}

// parseRef reads the id of an app, or only its name if subscription and resource group are configured, and after a # the group of
// functions.
func parseRef(text string, c Config) (ref, error) {
	name, group, hasGroup := strings.Cut(text, "#")
	if !hasGroup {
		group = c.Group
	}
	of, why := parseApp(name, c)
	switch {
	case why != "":
	case hasGroup && c.Hosting == HostingPremium:
		why = "names a group of functions, which Premium does not have"
	case !groupPattern.MatchString(group):
		why = "ends in a group that is not #http, #durable, #blob or #function:NAME"
	}
	if why != "" {
		return ref{}, fmt.Errorf("ref %q %s: %w", text, why, models.ErrInvalid)
	}
	if c.Hosting == HostingPremium {
		group = ""
	}
	return ref{of, group}, nil
}

// parseApp takes the id of an app apart, or says why it cannot.
func parseApp(text string, c Config) (of app, why string) {
	parts := strings.Split(text, "/")
	if len(parts) == 1 {
		if c.Subscription == "" {
			return of, "is not a full id; write /subscriptions/.../sites/APP, or set subscription and resource_group"
		}
		parts = []string{"", "subscriptions", c.Subscription, "resourceGroups", c.ResourceGroup, "providers", "Microsoft.Web", "sites", text}
	}
	const id = "/subscriptions/%s/resourcegroups/%s/providers/microsoft.web/sites/%s"
	if len(parts) != 9 || !strings.EqualFold(text, fmt.Sprintf(id, parts[2], parts[4], parts[8])) && text != parts[8] {
		return of, "is not /subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.Web/sites/APP"
	}
	switch {
	case !subscriptionPattern.MatchString(parts[2]):
		why = "has no valid subscription"
	case !resourceGroupPattern.MatchString(parts[4]):
		why = "has no valid resource group"
	case !sitePattern.MatchString(parts[8]):
		why = "has no valid name of an app"
	}
	return app{parts[2], parts[4], parts[8]}, why
}
