package api

import (
	"bufio"
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/deletion"
)

// DeletionLog is how far the log of deletions has come, and by which keys it
// can be checked.
type DeletionLog struct {
	Head deletion.Head        `json:"head" doc:"The last entry: note it elsewhere, then nobody can cut entries off unseen"`
	Keys []deletion.PublicKey `json:"keys"`
}

func (s *Server) registerDeletions() {
	handle(s, route{
		method: http.MethodGet, path: base + "/deletions", id: "list-deletions", tag: "privacy", action: auth.Audit,
		summary: "List what was deleted, newest first",
		about: "Every deletion of evidence is an entry that names the one before it by its hash and is signed with Ed25519: " +
			"`binside deletions verify` finds whatever was changed, left out or added.",
	}, s.listDeletions)

	handle(s, route{
		method: http.MethodGet, path: base + "/deletions/log", id: "get-deletion-log", tag: "privacy", action: auth.Audit,
		summary: "Get the deletion log's head and public keys",
	}, func(ctx context.Context, _ *struct{}) (*struct{ Body DeletionLog }, error) {
		head, keys, err := s.Store.DeletionState(ctx)
		if err != nil {
			return nil, err
		}
		return &struct{ Body DeletionLog }{DeletionLog{Head: head, Keys: keys}}, nil
	})

	s.handlePlain(route{
		method: http.MethodGet, path: base + "/deletions/export", id: "export-deletions", tag: "privacy", action: auth.Audit,
		summary: "Get the whole deletion log as JSON lines, for `binside deletions verify`",
	}, func(op *huma.Operation) {
		op.Responses["200"] = &huma.Response{
			Description: "A line with format, head and keys, then one line an entry, the first entry first", Content: binary("application/jsonl"),
		}
	}, s.exportDeletions)
}

func (s *Server) listDeletions(ctx context.Context, in *PageQuery) (*listOut[deletion.Entry], error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	items, next, err := s.Store.ListDeletions(ctx, after, in.Limit)
	if err != nil {
		return nil, err
	}
	return listOf(items, next), nil
}

// exportDeletions sends what the log holds at this moment; what is added
// meanwhile is not part of it.
func (s *Server) exportDeletions(c *fiber.Ctx) error {
	head, keys, err := s.Store.DeletionState(c.UserContext())
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "application/jsonl")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="deletions.jsonl"`)
	now := s.cfg.Now().UTC()
	conn := c.Context().Conn() // lives as long as the answer is being written
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		ctx, cancel := s.waiting(exportTime)
		defer cancel()
		_ = conn.SetWriteDeadline(time.Now().Add(exportTime)) // a connection that is gone says so at the first write
		// A file that is cut off does not reach the head that its first line
		// names, so verifying it fails.
		write, err := deletion.Export(w, deletion.Header{ExportedAt: now, Keys: keys, Head: head})
		if err == nil {
			err = s.Store.EachDeletion(ctx, head.Seq, write)
		}
		if err != nil {
			s.Log.WarnContext(ctx, "the export of the deletion log was cut off", "err", err)
		}
	})
	return nil
}

// exportTime bounds the sending of a whole log.
const exportTime = 10 * time.Minute
