package app

import "io"

func (a *assessment) writeHTML(w io.Writer, r *report) error { return r.writeTable(w) }
