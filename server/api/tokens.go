package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/store"
)

// Token is a token without its secret.
type Token struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Scopes     []string   `json:"scopes"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at,omitempty"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty" doc:"To the minute"`
}

// IssuedToken is a new token with its secret.
type IssuedToken struct {
	Token
	Secret string `json:"secret" doc:"Shown once. Send it as Authorization: Bearer …"`
}

// NewToken is the body of POST /tokens.
type NewToken struct {
	Name      string     `json:"name" minLength:"1" maxLength:"200"`
	Scopes    []string   `json:"scopes" minItems:"1" maxItems:"64" example:"[\"station:baoshi-3\"]" doc:"admin, read, station:ID, camera:ID, screen:ID, listen:ID or agent:ID"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

func (s *Server) registerTokens() {
	handle(s, route{
		method: http.MethodGet, path: base + "/tokens", id: "list-tokens", tag: "tokens", action: auth.Grant,
		summary: "List tokens",
	}, func(ctx context.Context, in *struct{ PageQuery }) (*listOut[Token], error) {
		after, err := in.after()
		if err != nil {
			return nil, err
		}
		items, next, err := s.Auth.Tokens(ctx, after, in.Limit)
		if err != nil {
			return nil, err
		}
		out := make([]Token, len(items))
		for i, t := range items {
			out[i] = viewToken(t)
		}
		return listOf(out, next), nil
	})

	handle(s, route{
		method: http.MethodPost, path: base + "/tokens", id: "create-token", tag: "tokens", action: auth.Grant,
		summary: "Make a token", status: http.StatusCreated,
	}, s.createToken)

	handle(s, route{
		method: http.MethodDelete, path: base + "/tokens/{id}", id: "revoke-token", tag: "tokens", action: auth.Grant,
		summary: "Revoke a token, at once and for ever", status: http.StatusNoContent,
	}, func(ctx context.Context, in *IDPath) (*struct{}, error) {
		return nil, s.Auth.RevokeToken(ctx, in.ID, principalOf(ctx).Name)
	})
}

func (s *Server) createToken(ctx context.Context, in *struct{ Body NewToken }) (*struct{ Body IssuedToken }, error) {
	scopes, err := auth.ParseScopes(in.Body.Scopes)
	if err != nil {
		return nil, invalid("body.scopes", err.Error())
	}
	for _, sc := range scopes {
		if err := s.scopeExists(ctx, sc); err != nil {
			return nil, err
		}
	}
	var expires time.Time
	if in.Body.ExpiresAt != nil {
		expires = *in.Body.ExpiresAt
	}
	t, secret, err := s.Auth.IssueToken(ctx, strings.TrimSpace(in.Body.Name), scopes, expires, principalOf(ctx).Name)
	if err != nil {
		return nil, err
	}
	return &struct{ Body IssuedToken }{IssuedToken{Token: viewToken(t), Secret: secret}}, nil
}

// scopeExists refuses a scope for something that is not there: a misspelt id
// would make a token that silently does nothing.
func (s *Server) scopeExists(ctx context.Context, sc auth.Scope) error {
	var err error
	switch own := sc.Own(); {
	case own.StationID != "":
		_, err = s.Store.GetStation(ctx, own.StationID)
	case own.CameraID != "":
		_, err = s.Store.GetCamera(ctx, own.CameraID)
	}
	if isNotFound(err) {
		return invalid("body.scopes", string(sc)+": there is no such thing")
	}
	return err
}

func viewToken(t store.Token) Token {
	if t.Scopes == nil {
		t.Scopes = []string{}
	}
	return Token(t)
}
