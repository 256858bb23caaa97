package api

import (
	"context"
	"net/http"

	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/station"
)

// PromptSettings are what decides how and when a station's residents are told.
type PromptSettings struct {
	Own     station.Prompts `json:"own" doc:"The station's own"`
	Service station.Prompts `json:"service" doc:"What holds where the station says nothing"`
	InForce station.Prompts `json:"in_force"`
}

func (s *Server) registerPromptSettings() {
	handle(s, route{
		method: http.MethodGet, path: base + "/stations/{id}/prompt-settings", id: "get-prompt-settings", tag: "bin side", action: auth.Look,
		summary: "Get what decides how and when a station's residents are told", about: "Changed by changing the station.",
	}, func(ctx context.Context, in *IDPath) (*struct{ Body PromptSettings }, error) {
		st, err := s.station(ctx, in.ID, auth.Look)
		if err != nil {
			return nil, err
		}
		out := PromptSettings{Service: s.cfg.Prompts, InForce: st.Prompts.Over(s.cfg.Prompts)}
		if st.Prompts != nil {
			out.Own = *st.Prompts
		}
		return &struct{ Body PromptSettings }{out}, nil
	})
}

// checkPrompts checks what the schema cannot.
func (s *Server) checkPrompts(p *station.Prompts) error {
	if p == nil {
		return nil
	}
	if p.Voice != "" && !s.knowsVoice(p.Voice) {
		return invalid("body.prompts.voice", "there is no usable voice pack of this name")
	}
	if p.QuietHours == nil {
		return nil
	}
	if _, err := station.ParseHours(*p.QuietHours); err != nil {
		return invalid("body.prompts.quiet_hours", err.Error())
	}
	return nil
}
