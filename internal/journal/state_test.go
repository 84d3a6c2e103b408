package journal

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"pilotlight/models"
)

func TestStates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	j := open(t, dir, nil)
	keys := []string{"plain", "a.b *>", "new\r\nline", "bytes\xff\x00", strings.Repeat("k", maxKey)}
	for i, key := range keys {
		for n := range 3 {
			if err := j.SaveState(t.Context(), key, fmt.Appendf(nil, "%d-%d", i, n)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := j.SaveState(t.Context(), "empty", nil); err != nil {
		t.Fatal(err)
	}
	big := bytes.Repeat([]byte("x"), maxState)
	if err := j.SaveState(t.Context(), "big", big); err != nil {
		t.Fatal(err)
	}
	if err := j.DeleteState(t.Context(), keys[0]); err != nil {
		t.Fatal(err)
	}
	if err := j.DeleteState(t.Context(), "never saved"); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = open(t, dir, nil)
	want := map[string]string{"empty": "", "big": string(big)}
	for i, key := range keys[1:] {
		want[key] = fmt.Sprint(i+1, "-2")
	}
	got := map[string]string{}
	err := j.ListStates(t.Context(), func(key string, state []byte) error {
		got[key] = string(state)
		loaded, err := j.LoadState(t.Context(), key)
		if !bytes.Equal(loaded, state) {
			t.Errorf("load %q differs from the list", key)
		}
		return err
	})
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("states: %v (-want +got):\n%s", err, diff)
	}
	for _, key := range []string{keys[0], "never saved"} {
		if _, err := j.LoadState(t.Context(), key); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("load %q: got %v, want %v", key, err, models.ErrNotFound)
		}
	}
	s, err := j.Stats(t.Context())
	if err != nil || s.States != uint64(len(want)) || s.StateBytes < maxState {
		t.Errorf("stats %+v, %v", s, err)
	}
}

func TestStatesRefused(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir(), relaxed)
	for name, err := range map[string]error{
		"no key":   j.SaveState(t.Context(), "", nil),
		"long key": j.SaveState(t.Context(), strings.Repeat("k", maxKey+1), nil),
		"big":      j.SaveState(t.Context(), "k", make([]byte, maxState+1)),
		"delete":   j.DeleteState(t.Context(), ""),
	} {
		if !errors.Is(err, models.ErrInvalid) {
			t.Errorf("%s: got %v, want %v", name, err, models.ErrInvalid)
		}
	}
	if _, err := j.LoadState(t.Context(), ""); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("load: %v", err)
	}
}

func TestDamagedStateIsNotFound(t *testing.T) {
	t.Parallel()
	j := open(t, t.TempDir(), relaxed)
	good, bad := []byte("state"), []byte("torn!")
	if err := j.SaveState(t.Context(), "good", good); err != nil {
		t.Fatal(err)
	}
	for name, header := range map[string]nats.Header{
		"torn":      {headerKey: {"torn"}, headerSum: {checksum("torn", good)}},
		"other key": {headerKey: {"other"}, headerSum: {checksum("other key", bad)}},
		"no header": {},
		"bad key":   {headerKey: {"%zz"}, headerSum: {checksum("", bad)}},
	} {
		msg := &nats.Msg{Subject: stateSubject(name), Header: header, Data: bad}
		if _, err := j.client().js.PublishMsg(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
		if _, err := j.LoadState(t.Context(), name); !errors.Is(err, models.ErrNotFound) || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: got %v, want damaged", name, err)
		}
	}
	got := map[string]string{}
	err := j.ListStates(t.Context(), func(key string, state []byte) error { got[key] = string(state); return nil })
	if diff := cmp.Diff(map[string]string{"good": "state"}, got); diff != "" || err != nil {
		t.Errorf("states: %v (-want +got):\n%s", err, diff)
	}
}
