package advisor_test

import (
	"encoding/json"
	"strings"
	"testing"

	"pilotlight/models"
	"pilotlight/predictor/advisor"
	"pilotlight/predictor/advisor/advisortest"
)

// planted are texts with a secret in them; the secret itself must not be sent. They are put together of parts so that no scanner takes
// this file for a leak.
func planted() map[string][2]string {
	const b64 = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"
	jwt := "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	pem := "MIIEpAIBAAKCAQEA7bq\nabcdefGHIJKL"
	return map[string][2]string{
		"openai":             {"key sk-" + "proj-abcDEF123456ghiJKL", "abcDEF123456ghiJKL"},
		"stripe":             {"sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc", "4eC39HqLyjWDarjtT1zdp7dc"},
		"github":             {"use ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a", "16C7e42F292c"},
		"github fine":        {"github_pat_" + "11ABCDEFG0123456789_abcdefgh", "11ABCDEFG0123456789"},
		"gitlab":             {"glpat-" + "abcdefghij0123456789", "abcdefghij0123456789"},
		"slack":              {"xoxb-" + "123456789012-abcdefghijkl", "abcdefghijkl"},
		"aws id":             {"AKIA" + "IOSFODNN7EXAMPLE", "IOSFODNN7EXAMPLE"},
		"aws secret":         {"aws_secret_access_key = " + b64, b64},
		"aws secret bare":    {"then " + b64 + " was used", b64},
		"google":             {"AIza" + "SyA-1234567890abcdefghijklmnopqrstu", "SyA-1234567890"},
		"google token":       {"ya29." + "a0AfH6SMBx", "a0AfH6SMBx"},
		"npm":                {"npm_" + "abcdefghijklmnopqrstuvwxyz012345", "abcdefghijklmnop"},
		"hugging face":       {"hf_" + "abcdefghijklmnopqrst", "abcdefghijklmnopqrst"},
		"vault":              {"hvs." + "CAESIJabcdefgh", "CAESIJabcdefgh"},
		"sendgrid":           {"SG." + "abcdefgh.ijklmnopqrst", "ijklmnopqrst"},
		"jwt":                {"token: " + jwt, "dozjgNryP4J3jVmNHl0w5N"},
		"jwt bare":           {"saw " + jwt + " today", "eyJzdWIiOiIxMjM0NTY3ODkwIn0"},
		"bearer":             {"Authorization: Bearer abcdef123", "abcdef123"},
		"bearer bare":        {"curl with bearer q1w2e3r4t5", "q1w2e3r4t5"},
		"basic":              {"Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"},
		"cookie":             {"Cookie: sid=zxcvbn; other=asdfgh", "asdfgh"},
		"header":             {"X-Api-Key: qwertz-1", "qwertz-1"},
		"url":                {"see https://bob:s3cr3t@db.example.com/x?y=1", "s3cr3t"},
		"url token":          {"https://ghosttoken@github.com/a/b", "ghosttoken"},
		"url query":          {"https://x.blob.core.windows.net/c?sv=2020&sig=abc%2Fdef", "abc%2Fdef"},
		"postgres":           {"postgres://app:pgpw@10.0.0.5:5432/db", "pgpw"},
		"redis":              {"redis://:redispw@cache:6379/0", "redispw"},
		"mongo":              {"mongodb+srv://u:mongopw@cluster0.example.net", "mongopw"},
		"mysql dsn":          {"root:mysqlpw@tcp(127.0.0.1:3306)/x", "mysqlpw"},
		"libpq":              {"host=db user=app password=libpqpw dbname=x", "libpqpw"},
		"ado":                {"Server=db;User Id=sa;Pwd=adopw!;Encrypt=true", "adopw!"},
		"azure storage":      {"DefaultEndpointsProtocol=https;AccountName=x;AccountKey=Zm9vYmFyYmF6+q==;EndpointSuffix=core.windows.net", "Zm9vYmFyYmF6"},
		"service bus":        {"Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey=c2VjcmV0LWtleQ=", "c2VjcmV0LWtleQ"},
		"json":               {`{"db": {"password": "json pw with spaces", "port": 5432}}`, "pw with spaces"},
		"escaped json":       {`"{\"clientSecret\":\"escjsonpw\"}"`, "escjsonpw"},
		"yaml":               {"db:\n  password: yamlpw\n  port: 1", "yamlpw"},
		"env":                {"export DB_PASSWORD='envpw'", "envpw"},
		"env twice":          {"API_TOKEN=firstpw SECRET_KEY=secondpw", "secondpw"},
		"colon equals":       {"password := \"gopw\"", "gopw"},
		"arrow":              {"secret => rubypw", "rubypw"},
		"flag":               {"mysql --password hushpw -h db", "hushpw"},
		"spoken":             {"the password is tr0ub4dor&3", "tr0ub4dor"},
		"spoken to":          {"I changed the password to correcthorse", "correcthorse"},
		"private key":        {"-----BEGIN RSA PRIVATE KEY-----\n" + pem + "\n-----END RSA PRIVATE KEY-----", "abcdefGHIJKL"},
		"private key cut":    {"-----BEGIN OPENSSH PRIVATE KEY-----\n" + pem, "abcdefGHIJKL"},
		"age":                {"AGE-SECRET-KEY-" + "1QQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", "QQPZRY9X8GF2TVDW"},
		"hex":                {"digest 9f86d081884c7d659a2feaa0c55ad015 here", "9f86d081884c7d65"},
		"uuid":               {"id 123e4567-e89b-12d3-a456-426614174000", "426614174000"},
		"mail":               {"ask alice.smith@example.com", "alice.smith"},
		"mailed password":    {"bob@example.com:mailpw99", "mailpw99"},
		"address":            {"moved to 192.168.17.4", "192.168.17.4"},
		"invisible":          {"pass\u200bword=zw\u200dpw123", "pw123"},
		"soft hyphen":        {"gh\u00adp_16C7e42F292c6912E7710c838347Ae178B4a", "16C7e42F292c"},
		"after many lines":   {strings.Repeat("all is well\n", 20) + "token=deepdown", "deepdown"},
		"webhook":            {"https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX", "XXXXXXXXXXXX"},
		"own key":            {"I use " + apiKey, apiKey},
		"unterminated quote": {`password="never ends with spaces`, "never ends"},
		"pin":                {"PIN: 4711", "4711"},
	}
}

// TestSecretsStayHere plants secrets wherever text comes from, and looks for them in what is sent.
func TestSecretsStayHere(t *testing.T) {
	t.Parallel()
	server := advisortest.New(t, advisortest.Config{}, advisortest.Always(advisortest.Reply{}))
	clients := map[bool]*advisor.Client{}
	for _, masked := range []bool{true, false} {
		clients[masked] = client(t, configured(server, func(c *advisor.Config) { c.Prompt.MaskNames = masked }))
	}
	for name, p := range planted() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			line := strings.ReplaceAll(p[0], "\n", " ")
			texts := brief()
			texts.Text = "Sale at 18:00.\n" + p[0] + "\nThat is all."
			texts.Notes[0].Text, texts.Notes[0].Kind = p[0], line
			texts.Hints[0].Reason, texts.Hints[0].Recurrence = p[0], line
			texts.Subjects[0].Labels = map[string]string{"note": p[0], line: "x"}
			texts.Subjects[0].Unit, texts.Subjects[0].HourOfWeek, texts.Subjects[1].HourOfWeek = line, nil, nil
			texts.Members = []string{line, strings.ToLower(strings.Fields(p[0])[0])}
			named := advisor.Brief{Now: now, Subjects: []advisor.Subject{{Target: models.TargetID(line)}, {Group: line}}}
			for _, c := range clients {
				prompt, err := c.AdvicePrompt(texts)
				wantHidden(t, "texts", prompt, err, p[1])
				prompt, err = c.AdvicePrompt(named)
				wantHidden(t, "names", prompt, err, p[1])
				prompt, err = c.HintsPrompt("Sale at 18:00.\n"+p[0], now, nil, advisor.Known{Targets: []models.TargetID{models.TargetID(line), "prod/checkout"}})
				wantHidden(t, "hints", prompt, err, p[1])
				prompt, err = c.ExplanationPrompt(advisor.Facts{Target: "prod/checkout", Question: "Why? " + p[0], Facts: []advisor.Fact{{ID: p[0], Text: p[0]}}})
				wantHidden(t, "facts", prompt, err, p[1])
			}
		})
	}
}

// wantHidden looks for a secret in all that would be sent.
func wantHidden(t *testing.T, place string, p advisor.Prompt, err error, secret string) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", place, err)
		return
	}
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{p.User, p.System, string(p.Body), p.String()} {
		for _, form := range []string{secret, strings.Trim(string(quoted), `"`)} {
			if strings.Contains(text, form) {
				t.Errorf("%s: %q is sent: %s", place, form, text[max(0, strings.Index(text, form)-80):])
				return
			}
		}
	}
}

// TestSecretLabels checks that values of labels with the names of secrets are hidden whatever they look like.
func TestSecretLabels(t *testing.T) {
	t.Parallel()
	server := advisortest.New(t, advisortest.Config{}, advisortest.Always(advisortest.Reply{}))
	c := client(t, configured(server, func(c *advisor.Config) { c.Prompt.MaskNames = false }))
	for _, name := range []string{"password", "db_password", "API-KEY", "authToken", "my.secret", "credentials", "key"} {
		b := brief()
		b.Subjects[0].Labels = map[string]string{name: "plain", "team": "blue"}
		p, err := c.AdvicePrompt(b)
		if err != nil || strings.Contains(p.User, "plain") || !strings.Contains(p.User, `"team":"blue"`) || !strings.Contains(p.User, `"name":"prod/checkout"`) {
			t.Errorf("%s: %v\n%s", name, err, p.User)
		}
	}
}

// TestUsefulTextStays checks that the redactor leaves the words and numbers that advice is made of.
func TestUsefulTextStays(t *testing.T) {
	t.Parallel()
	server := advisortest.New(t, advisortest.Config{}, advisortest.Always(advisortest.Reply{}))
	c := client(t, configured(server))
	for _, text := range []string{
		"Black Friday starts Thursday 20:00, expect 4x on the webshop until 23:30",
		"Release 2.14.1 at 12:00, errors 0.35 %, p99 1250 ms",
		"shipping: 4 parcels, author: Ann, design: new, spinning up 12 instances",
		"Marketing sends 1,200,000 mails on 2026-03-06 from 09:00 to 11:00 CET (+50%)",
		"incident in eu-west-1a: payment-gateway-production-v2 is slow",
		"Распродажа в 18:00, ждём 3x",
	} {
		b := brief()
		b.Text = text
		p, err := c.AdvicePrompt(b)
		quoted, _ := json.Marshal(text)
		if err != nil || !strings.Contains(p.User, string(quoted)) {
			t.Errorf("%q became %s, %v", text, p.User[strings.Index(p.User, `"operator_text"`):], err)
		}
	}
}

// TestMasks checks that no name leaves the process unless allowed, and that names come back.
func TestMasks(t *testing.T) {
	t.Parallel()
	server := advisortest.New(t, advisortest.Config{}, advisortest.Always(advisortest.Reply{
		Content: advices(one("reason", `"T1 of G1, beside T2 and T77"`, "subjects", `["G1","T3"]`)),
	}))
	c := client(t, configured(server))
	b := brief()
	b.Text = "PROD/CHECKOUT and prod/search: prod/checkout, shop.\nprod/checkout-not is another"
	b.Subjects[0].Labels = map[string]string{"app": "checkout-label"}
	reply, _, err := c.Advise(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	sent := server.Requests()[0]
	for _, name := range []string{"prod/search", "batch/nightly", "shop", "checkout-label"} {
		if strings.Contains(string(sent.Body), name) {
			t.Errorf("%s is sent: %s", name, sent.Data)
		}
	}
	if !strings.Contains(sent.Data, `"operator_text":"T1 and T2: T1, G1.\nprod/checkout-not is another"`) && !strings.Contains(sent.Data, `"operator_text":"T1 and T2: T1, G1.\nT1-not is another"`) {
		t.Errorf("text %s", sent.Data)
	}
	if len(reply.Hints) != 2 || describe(reply.Hints[0]) != "batch/nightly x2 03-02T18:00+2h0m0s" || describe(reply.Hints[1]) != "shop x2 03-02T18:00+2h0m0s" {
		t.Fatalf("hints %+v", reply.Hints)
	}
	if got := reply.Hints[0].Reason; got != "prod/checkout of shop, beside prod/search and T77" {
		t.Errorf("reason %q", got)
	}
	b.Subjects[0].Target = "prod/*"
	reply, _, err = c.Advise(t.Context(), b)
	if err != nil || len(reply.Dropped) == 0 || !strings.Contains(reply.Dropped[0], "wildcard") {
		t.Errorf("a target with a wildcard in its name: %+v, %v", reply.Dropped, err)
	}
}
