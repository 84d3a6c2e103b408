package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
)

// sseWriter writes server-sent events and flushes each. One goroutine uses it.
type sseWriter struct {
	out     io.Writer
	control *http.ResponseController
	sent    prometheus.Counter
	// last is the place in the journal that the client may resume after.
	last uint64
}

// event writes one event. JSON has no raw line breaks, so nothing in a name or note can begin a field of its own.
func (w *sseWriter) event(e *Event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode event %q: %w", e.ID, err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "id: %d\nevent: %s\ndata: %s\n\n", w.last, e.Type, data)
	if err := w.write(b.Bytes()); err != nil {
		return err
	}
	w.sent.Inc()
	return nil
}

// beat writes a sign of life. Its id moves the place to resume after past events that the client did not select.
func (w *sseWriter) beat() error {
	return w.write(fmt.Appendf(nil, "id: %d\n: alive\n\n", w.last))
}

// write sends bytes within the write timeout.
func (w *sseWriter) write(p []byte) error {
	err := w.control.SetWriteDeadline(wallNow().Add(writeTimeout))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := w.out.Write(p); err != nil {
		return err
	}
	if err := w.control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}
