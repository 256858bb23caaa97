package api

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/binside/binside/datasets/taxonomy"
	"github.com/binside/binside/server/inspection"
)

// Receipt is what a resident is told of their objection: no picture, nobody's
// name. Every field is always there.
type Receipt struct {
	Receipt string `json:"receipt" example:"7K4M-92TX"`
	State   string `json:"state" enum:"received,looking,decided" doc:"looking: a supervisor has opened it"`
	// Outcome says who was right.
	Outcome string `json:"outcome" enum:"open,upheld,confirmed" doc:"upheld: the resident was right; confirmed: what they were told was; open: not decided"`
	Station string `json:"station" doc:"Its name"`
	// Told is where the resident was told that the item belongs, Belongs what
	// the supervisor found; it is Told until then.
	Told       ReceiptCategory `json:"told"`
	Belongs    ReceiptCategory `json:"belongs"`
	AppealedAt time.Time       `json:"appealed_at"`
	// DecidedAt is null until it is decided.
	DecidedAt *time.Time `json:"decided_at" nullable:"true"`
	TimeZone  string     `json:"time_zone" doc:"The station's, IANA name"`
}

// ReceiptCategory is a category by its names.
type ReceiptCategory struct {
	ID     string        `json:"id"`
	Name   taxonomy.Name `json:"name"`
	Colour string        `json:"colour" doc:"#RRGGBB"`
}

func (s *Server) registerReceipt() {
	s.handlePlain(route{
		method: http.MethodGet, path: base + "/receipts/{code}", id: "get-receipt", tag: "bin side", action: anyone,
		summary: "Ask what came of an objection by its receipt",
		about: "No credential is needed: the code is 40 random bits. An address may ask 20 times at once and then every three seconds, " +
			"and an unknown code is answered as one that nobody has decided and whose deposit's pictures are no longer kept. Small letters, spaces, and O, I and L for 0 and 1 are understood.",
	}, func(op *huma.Operation) {
		op.Parameters = []*huma.Param{pathParam("code", "The receipt's code")}
		op.Responses["200"] = &huma.Response{Description: "What is known of it", Content: s.content("application/json", Receipt{})}
		op.Errors = append(op.Errors, http.StatusTooManyRequests)
	}, s.serveReceipt)
}

func (s *Server) serveReceipt(c *fiber.Ctx) error {
	if wait, exhausted := s.receipts.Exhausted(remote(c)); exhausted {
		s.metrics.refusals.WithLabelValues("too-many-receipts").Inc()
		p := kindAttempts.problem("Wait before asking again")
		p.retryAfter = wait
		return p
	}
	s.receipts.Failed(remote(c)) // a right code counts as well, so that nothing can be learnt from the limit
	text, err := url.PathUnescape(c.Params("code"))
	code, ok := receiptOf(text)
	if !ok || err != nil {
		return unknownReceipt()
	}
	i, err := s.Store.AppealByReceipt(c.UserContext(), code)
	if isNotFound(err) {
		return unknownReceipt()
	}
	if err != nil {
		return err
	}
	out := s.viewReceipt(i)
	if out.State != "decided" && expired(i) {
		return unknownReceipt()
	}
	st, err := s.Store.GetStation(c.UserContext(), i.StationID)
	if err != nil {
		return err
	}
	out.Station, out.TimeZone = st.Name, st.TimeZone
	return sendJSON(c, http.StatusOK, out)
}

func unknownReceipt() *Problem {
	return kindReceipt.problem("There is no such receipt, or it has expired")
}

// expired reports whether the deposit had pictures and none is kept: then there
// is nothing left to look at.
func expired(i *inspection.Inspection) bool {
	return len(i.Evidence) > 0 && !slices.ContainsFunc(i.Evidence, func(e inspection.Evidence) bool { return e.DeletedAt == nil })
}

func (s *Server) viewReceipt(i *inspection.Inspection) Receipt {
	told := s.receiptCategory(i.Category)
	out := Receipt{
		Receipt: i.Prompt.Receipt, State: "received", Outcome: "open", Told: told, Belongs: told, AppealedAt: *i.Prompt.EndedAt,
	}
	r := i.Review
	switch {
	case r != nil && !r.At.Before(out.AppealedAt):
		out.State, out.DecidedAt, out.Belongs = "decided", &r.At, s.receiptCategory(r.Category)
		// The resident objected to where the item belongs: another class of the
		// same category does not make them right.
		if out.Outcome = "confirmed"; r.Category != i.Category {
			out.Outcome = "upheld"
		}
	case i.Prompt.LookedAt != nil:
		out.State = "looking"
	}
	return out
}

// receiptCategory names a category; by its id where the taxonomy in force does
// not have it.
func (s *Server) receiptCategory(id string) ReceiptCategory {
	c, ok := s.Rules().Taxonomy.Category(id)
	if !ok {
		return ReceiptCategory{ID: id, Name: taxonomy.Name{ZH: id, EN: id}, Colour: "#64748B"}
	}
	return ReceiptCategory{ID: id, Name: c.Name, Colour: c.Colour.Hex}
}

var receiptPattern = regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{8}$`)

// receiptOf reads a code as a person writes it (Crockford's base 32).
func receiptOf(text string) (string, bool) {
	plain := strings.NewReplacer(" ", "", "-", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(text))
	if !receiptPattern.MatchString(plain) {
		return "", false
	}
	return plain[:4] + "-" + plain[4:], true
}
