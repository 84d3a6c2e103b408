package journal

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"pilotlight/models"
)

const (
	// eventPrefix begins the subjects of events: prefix, type, hash of the target.
	eventPrefix = "pilotlight.event."
	// latestPrefix begins the subjects of the events that outlive the retention.
	latestPrefix = "pilotlight.latest."
	// statePrefix begins the subjects of states: prefix, hash of the key.
	statePrefix = "pilotlight.state."
	// typePrefix begins the names of all types of events.
	typePrefix = "pilotlight."

	headerTime   = "Pilotlight-Time"
	headerSpread = "Pilotlight-Spread"
	headerOrigin = "Pilotlight-Origin"
	headerKey    = "Pilotlight-Key"
	headerSum    = "Pilotlight-Sum"

	// maxEvent bounds the JSON of one event.
	maxEvent = 4 << 20
)

// record is an event ready to be stored.
type record struct {
	id      string // of the message: a hash of the event's id, which is untrusted text
	subject string
	time    time.Time
	data    []byte
}

// message makes the message of the record.
func (r *record) message(s spreadValue) *nats.Msg {
	msg := nats.NewMsg(r.subject)
	msg.Data = r.data
	msg.Header[jetstream.MsgIDHeader] = []string{r.id}
	msg.Header[headerTime] = []string{strconv.FormatInt(r.time.UnixNano(), 10)}
	msg.Header[headerSpread] = []string{s.String()}
	return msg
}

// token makes a part of a subject, or an id, from untrusted text.
func token(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:20])
}

// messageID makes the id of a message from the id of an event.
func messageID(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

// eventSubject returns the subject of the events of a type and target.
func eventSubject(t models.EventType, target models.TargetID) string {
	return eventPrefix + strings.TrimPrefix(string(t), typePrefix) + "." + token(string(target))
}

// encode checks an event and makes its record. The sequence is not part of it: the place in the stream is.
func encode(e models.Event) (record, error) {
	e.Seq = 0
	switch {
	case e.ID == "":
		return record{}, invalid("event of type %q for target %q has no id", e.Type, e.Target)
	case e.Time.IsZero() || e.Time.Year() < 1970 || e.Time.Year() > 2200:
		return record{}, invalid("event %q: time %s is not between the years 1970 and 2200", e.ID, e.Time.Format(time.RFC3339))
	case (e.Target == "") != (e.Type == models.EventControl):
		return record{}, invalid("event %q of type %q: a target is needed, except for a control, which has none", e.ID, e.Type)
	}
	if e.Target != "" {
		if err := e.Target.Validate(); err != nil {
			return record{}, fmt.Errorf("event %q: %w", e.ID, err)
		}
	}
	// Called directly, since json.Marshal would only read the JSON once more.
	data, err := e.MarshalJSON()
	if err != nil {
		return record{}, fmt.Errorf("event %q cannot be written as JSON: %w", e.ID, errors.Join(err, models.ErrInvalid))
	}
	if len(data) > maxEvent {
		return record{}, invalid("event %q has %d bytes, more than the %d that the journal takes: record less detail",
			e.ID, len(data), maxEvent)
	}
	return record{id: messageID(e.ID), subject: eventSubject(e.Type, e.Target), time: e.Time, data: data}, nil
}

// decode makes the event of a message, with its place in the journal.
func decode(data []byte, seq uint64) (models.Event, error) {
	var e models.Event
	// Called directly, as in encode.
	if err := e.UnmarshalJSON(data); err != nil {
		return models.Event{}, err
	}
	e.Seq = seq
	return e, nil
}
