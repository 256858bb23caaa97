package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/speech"
	"github.com/binside/binside/server/station"
)

// Speaker has what screens say as sound; see speech.Service.
type Speaker interface {
	Say(ctx context.Context, pack, key, language string) (speech.Sound, error)
	Version(pack string) string
	Renders() bool
	// Keys are those of the sentences in force.
	Keys() []string
}

// Voices are the voice packs; see speech.Packs.
type Voices interface {
	List() []*speech.Pack
	Get(id string) (*speech.Pack, bool)
}

// ScreenVoice is the sound that the server has for a station's screen.
type ScreenVoice struct {
	// Pack goes before the device's own voice; everything else comes after it.
	Pack    string `json:"pack" doc:"The voice pack in force, which goes before the device's own voice; empty: none"`
	Version string `json:"version" doc:"Changes with everything that would be heard; part of the sounds' addresses"`
	Renders bool   `json:"renders" doc:"The server renders what the pack lacks"`
}

// Speech is what a screen may say.
type Speech struct {
	ScreenVoice
	Keys []string `json:"keys" doc:"Every sentence's key, for fetching them before the network is away"`
}

func (s *Server) registerSpeech() {
	handle(s, route{
		method: http.MethodGet, path: base + "/voices", id: "list-voices", tag: "bin side", action: auth.Look,
		summary: "List the voice packs, with what is wrong with them",
	}, func(context.Context, *struct{}) (*listOut[speech.Pack], error) {
		out := []speech.Pack{}
		if s.Voices != nil {
			for _, p := range s.Voices.List() {
				out = append(out, *p)
			}
		}
		return listOf(out, ""), nil
	})

	handle(s, route{
		method: http.MethodGet, path: base + "/stations/{id}/screen/speech", id: "get-speech", tag: "bin side", action: auth.Show,
		summary: "Get what a station's screen may say",
	}, func(ctx context.Context, in *IDPath) (*struct{ Body Speech }, error) {
		own, err := s.screenSettings(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		out := Speech{ScreenVoice: s.screenVoice(own), Keys: []string{}}
		if s.Speaker != nil {
			out.Keys = s.Speaker.Keys()
		}
		return &struct{ Body Speech }{out}, nil
	})

	s.handlePlain(route{
		method: http.MethodGet, path: base + "/stations/{id}/screen/speech/{key}", id: "say", tag: "bin side", action: auth.Show,
		summary: "Get one sentence of a station's screen as sound",
		about: "By the station's voice pack, or rendered by espeak-ng. Only the sentences that a screen says are there: no text can be sent. " +
			"Where there is no pack's recording and no espeak-ng, the answer is `speech-unavailable`.",
	}, func(op *huma.Operation) {
		op.Parameters = []*huma.Param{
			pathParam("id", "The station"), pathParam("key", "The sentence's"), queryParam("language", "zh-CN or en; absent: the station's"),
			queryParam("version", "The version, for addresses that change with the sound"),
		}
		op.Responses["200"] = &huma.Response{Description: "The sound", Content: binary("audio/wav", "audio/ogg", "audio/mpeg")}
	}, s.serveSpeech)
}

// screenSettings are the settings in force of a station whose screen the caller
// may show.
func (s *Server) screenSettings(ctx context.Context, id string) (station.Prompts, error) {
	if err := hidden(ctx, auth.Show, auth.Resource{StationID: id}); err != nil {
		return station.Prompts{}, err
	}
	st, err := s.Store.GetStation(ctx, id)
	return st.Prompts.Over(s.cfg.Prompts), err
}

func (s *Server) screenVoice(own station.Prompts) ScreenVoice {
	if s.Speaker == nil {
		return ScreenVoice{}
	}
	out := ScreenVoice{Version: s.Speaker.Version(own.Voice), Renders: s.Speaker.Renders()}
	if s.knowsVoice(own.Voice) {
		out.Pack = own.Voice
	}
	return out
}

// knowsVoice reports whether there is a usable voice pack of the name.
func (s *Server) knowsVoice(pack string) bool {
	if s.Voices == nil {
		return false
	}
	_, ok := s.Voices.Get(pack)
	return ok
}

func (s *Server) serveSpeech(c *fiber.Ctx) error {
	own, err := s.screenSettings(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	language := c.Query("language", own.Language)
	if !slices.Contains(station.Languages, language) {
		return invalid("query.language", "zh-CN or en is expected")
	}
	if s.Speaker == nil {
		return speech.ErrUnavailable
	}
	// A screen asks for all its sentences at once, which are rendered two at a
	// time: a stop does not wait for them.
	ctx, cancel := s.waiting(s.cfg.RequestTimeout)
	defer cancel()
	sound, err := s.Speaker.Say(ctx, own.Voice, c.Params("key"), language)
	if err != nil {
		return err
	}
	cache := "private, no-cache"
	if v := c.Query("version"); v != "" && v == s.Speaker.Version(own.Voice) {
		cache = "private, max-age=2592000, immutable"
	}
	c.Set(fiber.HeaderCacheControl, cache)
	c.Set(fiber.HeaderContentType, sound.MediaType)
	return c.Send(sound.Data)
}
