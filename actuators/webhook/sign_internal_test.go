package webhook

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pilotlight/models"
)

// TestSignature compares with the example that the authors of the Standard Webhooks libraries publish.
func TestSignature(t *testing.T) {
	t.Parallel()
	k, err := parseKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
	if err != nil {
		t.Fatal(err)
	}
	got := k.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestKeyIsNotPrinted(t *testing.T) {
	t.Parallel()
	k, err := parseKey(strings.Repeat("z", 24))
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s %q", k, k, k, k, k); strings.Contains(text, "zzz") || strings.Contains(text, "122") {
		t.Errorf("a secret is printed: %s", text)
	}
}

func FuzzParseShown(f *testing.F) {
	for _, seed := range []string{`{"capacity":{"warm":2},"ready":1}`, `{}`, `null`, `[]`, `{"capacity":{"keep_alive_s":1e300}}`, `{"capacity":{}} {`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := parseShown(data, models.LeverWarm)
		if err == nil && (!json.Valid(data) || o.Ready < -1 || o.Capacity.Levers()&^models.LeverWarm != 0 || strings.ContainsAny(o.Note, "\n\r\x00\u202e")) {
			t.Fatalf("%q gave %+v", data, o)
		}
	})
}
