package awslambda_test

import (
	"slices"
	"testing"

	"pilotlight/actuators/awslambda"
)

// TestSetDirectory checks that relative files are below the folder of the configuration file, and that copies of the
// configuration do not see it.
func TestSetDirectory(t *testing.T) {
	t.Parallel()
	config := awslambda.DefaultConfig()
	config.ConfigFiles = []string{"aws/config", "/etc/aws/config"}
	config.CredentialsFiles = []string{"../credentials"}
	before := config
	config.SetDirectory("conf/pilotlight")
	if want := []string{"conf/pilotlight/aws/config", "/etc/aws/config"}; !slices.Equal(config.ConfigFiles, want) {
		t.Errorf("config files %q, want %q", config.ConfigFiles, want)
	}
	if want := []string{"conf/credentials"}; !slices.Equal(config.CredentialsFiles, want) {
		t.Errorf("credentials files %q, want %q", config.CredentialsFiles, want)
	}
	if before.ConfigFiles[0] != "aws/config" || before.CredentialsFiles[0] != "../credentials" {
		t.Errorf("a copy became %q, %q", before.ConfigFiles, before.CredentialsFiles)
	}
	none := awslambda.DefaultConfig()
	if none.SetDirectory("conf"); none.ConfigFiles != nil || none.CredentialsFiles != nil {
		t.Errorf("nothing became %q, %q", none.ConfigFiles, none.CredentialsFiles)
	}
}
