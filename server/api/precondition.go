package api

import (
	"net/http"
	"strings"
	"time"
)

// IfMatch is the precondition of a change (RFC 9110, section 13.1.1): the ETag
// of the state that the change is meant for. Exported because huma looks only
// into exported embedded structs.
type IfMatch struct {
	IfMatch string `header:"If-Match" maxLength:"256" doc:"The ETag of the state that is to be changed; 412 where it was changed since"`
}

var kindChanged = kind{slug: "changed-meanwhile", title: "Somebody has changed it meanwhile", status: http.StatusPreconditionFailed}

// etag names a record's state: every change gives it another time.
func etag(updated time.Time) string { return `"` + updated.UTC().Format(time.RFC3339Nano) + `"` }

// check compares the precondition, if there is one, with the record's state.
func (m IfMatch) check(updated time.Time) error {
	if m.IfMatch == "" || m.IfMatch == "*" {
		return nil
	}
	for _, tag := range strings.Split(m.IfMatch, ",") {
		if strings.TrimSpace(tag) == etag(updated) {
			return nil
		}
	}
	return kindChanged.problem("Load it anew, and make the change again where it is still wanted")
}

// conflict is the same for a change that came between check and the store.
func (m IfMatch) conflict(err error) error {
	if isConflict(err) && m.IfMatch != "" {
		return kindChanged.problem("Load it anew, and make the change again where it is still wanted")
	}
	return err
}
