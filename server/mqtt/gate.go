package mqtt

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	nats "github.com/nats-io/nats-server/v2/server"

	"github.com/binside/binside/server/auth"
)

// gate decides who may connect, as nats.Authentication, and cuts connections
// whose token no longer holds.
type gate struct {
	auth    *auth.Service
	limiter *auth.Limiter
	log     *slog.Logger
	metrics *metrics
	// secret is this process's own credential, made at every start.
	secret string
	server *nats.Server // set before it starts
	// open is whether devices may connect: not before this process listens to
	// what they push.
	open atomic.Bool
}

// insideUser is the name and the client ID of this process's own connections.
const insideUser = "binside"

// admitted begins the name under which the server lists a device that was let in;
// the token's ID follows. Before that a connection is listed under the name that
// the device gives.
const admitted = "token "

// maxConnections bounds the connections of one token.
const maxConnections = 16

// checkTimeout bounds the check of one credential.
const checkTimeout = 5 * time.Second

func newGate(a *auth.Service, log *slog.Logger) (*gate, error) {
	limiter, err := auth.NewLimiter(nil)
	if err != nil {
		return nil, err
	}
	return &gate{auth: a, limiter: limiter, log: log, secret: rand.Text() + rand.Text()}, nil
}

// Check implements nats.Authentication: the password is an access token, the
// user name anything.
func (g *gate) Check(c nats.ClientAuthentication) bool {
	opts := c.GetOpts()
	if opts.Username == insideUser && subtle.ConstantTimeCompare([]byte(opts.Password), []byte(g.secret)) == 1 {
		c.RegisterUser(&nats.User{Username: insideUser})
		return true
	}
	p, reason := g.admit(c, opts.Password)
	if reason != "" {
		g.metrics.refused.WithLabelValues(reason).Inc()
		g.log.Debug("MQTT connection refused", "reason", reason, "remote", remote(c))
		return false
	}
	c.RegisterUser(&nats.User{Username: admitted + p.ID, Permissions: permissions(p)})
	g.log.Debug("MQTT device connected", "token", p.ID, "name", p.Name, "remote", remote(c))
	return true
}

// admit says whose connection it is, or for which reason there is none.
func (g *gate) admit(c nats.ClientAuthentication, token string) (*auth.Principal, string) {
	if !g.open.Load() {
		return nil, "stopping"
	}
	if _, exhausted := g.limiter.Exhausted(remote(c)); exhausted && !g.auth.Known(token) {
		return nil, "too-many-attempts"
	}
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	p, err := g.auth.CheckToken(ctx, token)
	switch {
	case errors.Is(err, auth.ErrRefused):
		g.limiter.Failed(remote(c))
		return nil, "credential"
	case err != nil:
		g.log.Warn("an MQTT device's token could not be checked", "error", err)
		return nil, "store-unavailable"
	case len(publishable(p))+len(readable(p)) == 0:
		return nil, "no-rights"
	case !mayBeCalled(p.ID, g.clientID(c.GetID())):
		return nil, "client-id"
	case len(g.connections(p.ID)) >= maxConnections:
		return nil, "too-many-connections"
	}
	return p, ""
}

// mayBeCalled reports whether a device may use a client ID. Whoever connects
// under the ID of another ends that one's connection and takes over its session:
// the ID must be the token's, alone or before a hyphen. A device without one has
// been given a random one by the server.
func mayBeCalled(tokenID, clientID string) bool {
	rest, own := strings.CutPrefix(clientID, tokenID)
	return own && (rest == "" || rest[0] == '-') || len(clientID) == randomLength && isAlphanumeric(clientID)
}

// randomLength is the length of the client IDs that the server makes, which are
// NATS's unique IDs of 22 letters and digits. Token IDs are shorter.
const randomLength = 22

func isAlphanumeric(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
}

func remote(c nats.ClientAuthentication) netip.Addr {
	addr := c.RemoteAddress()
	if addr == nil {
		return netip.Addr{}
	}
	ap, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr()
}

// clientID is the MQTT client ID of a connection.
func (g *gate) clientID(id uint64) string {
	z, err := g.server.Connz(&nats.ConnzOptions{CID: id})
	if err != nil || len(z.Conns) == 0 {
		return ""
	}
	return z.Conns[0].MQTTClient
}

// connections are those of one token.
func (g *gate) connections(tokenID string) []*nats.ConnInfo { return g.listed(admitted + tokenID) }

// listed are the connections under one name, or all.
func (g *gate) listed(name string) []*nats.ConnInfo {
	z, err := g.server.Connz(&nats.ConnzOptions{Username: true, User: name, Limit: 1 << 20})
	if err != nil {
		return nil
	}
	return z.Conns
}

// devices are the connected ones by their tokens' IDs.
func (g *gate) devices() map[string]int {
	out := make(map[string]int)
	for _, c := range g.listed("") {
		if id, ok := strings.CutPrefix(c.AuthorizedUser, admitted); ok {
			out[id]++
		}
	}
	return out
}

// count is how many devices are connected.
func (g *gate) count() (n int) {
	for _, c := range g.devices() {
		n += c
	}
	return n
}

// cut ends the connections of a token.
func (g *gate) cut(tokenID string) {
	for _, c := range g.connections(tokenID) {
		if g.server.DisconnectClientByID(c.Cid) == nil {
			g.metrics.cut.Inc()
			g.log.Info("MQTT device cut off: its token no longer holds", "token", tokenID)
		}
	}
}

// sweep cuts the connections whose token has expired, or was revoked by another
// process, or while it was being checked.
func (g *gate) sweep(ctx context.Context) {
	for id := range g.devices() {
		ctx, cancel := context.WithTimeout(ctx, checkTimeout)
		err := g.auth.Stands(ctx, id)
		cancel()
		if errors.Is(err, auth.ErrRefused) {
			g.cut(id)
		}
	}
}

// permissions are the rights of a principal as the server knows them. What is
// not named is denied: other stations, the server's own subjects and streams.
func permissions(p *auth.Principal) *nats.Permissions {
	publish := &nats.SubjectPermission{Allow: publishable(p)}
	if len(publish.Allow) == 0 {
		publish = &nats.SubjectPermission{Deny: []string{">"}}
	}
	// The last two are where the server delivers messages of the higher qualities
	// of service. No filter of a device's may name them.
	subscribe := &nats.SubjectPermission{Allow: append(readable(p), "$MQTT.sub.>", "$MQTT.deliver.pubrel.>")}
	return &nats.Permissions{Publish: publish, Subscribe: subscribe}
}

// readable are the subjects that a principal may subscribe to.
func readable(p *auth.Principal) (subjects []string) {
	for _, r := range resources(p) {
		station, camera := orAny(r.StationID), orAny(r.CameraID)
		if p.Can(auth.Show, r) {
			// The filter "…/#" means the topic above as well.
			subjects = append(subjects, "binside.v1.stations."+station, "binside.v1.stations."+station+".>")
			if station == "*" {
				subjects = append(subjects, "binside.v1.stations")
			}
		}
		if p.Can(auth.PushFrame, r) {
			subjects = append(subjects, "binside.v1.errors."+station+".cameras."+camera+".frames")
		}
		if p.Can(auth.PushDeposit, r) {
			subjects = append(subjects, "binside.v1.errors."+station+".bins.*.deposits.>", "binside.v1.errors."+station+".bins.*.deposits")
		}
		if p.Can(auth.Correct, r) {
			subjects = append(subjects, "binside.v1.errors."+station+".correction", "binside.v1.errors."+station+".shown")
		}
	}
	return subjects
}

// publishable are the subjects that a principal may publish to.
func publishable(p *auth.Principal) (subjects []string) {
	for _, r := range resources(p) {
		station, camera := orAny(r.StationID), orAny(r.CameraID)
		if p.Can(auth.PushFrame, r) {
			subjects = append(subjects, "binside.v1.push."+station+".cameras."+camera+".frames")
		}
		if p.Can(auth.PushDeposit, r) {
			subjects = append(subjects, "binside.v1.push."+station+".bins.*.deposits", "binside.v1.push."+station+".bins.*.deposits.*")
		}
		if p.Can(auth.Correct, r) {
			subjects = append(subjects, "binside.v1.push."+station+".correction", "binside.v1.push."+station+".shown")
		}
		if r.StationID != "" && p.Can(auth.Show, r) {
			subjects = append(subjects, "binside.v1.stations."+r.StationID+".devices."+p.ID+".status")
		}
	}
	return subjects
}

// resources are what the principal's scopes name, the empty one standing for
// everything.
func resources(p *auth.Principal) []auth.Resource {
	out := make([]auth.Resource, len(p.Scopes))
	for i, s := range p.Scopes {
		out[i] = s.Own()
	}
	return out
}

// orAny is the wildcard for what a scope does not name: which station a camera
// belongs to is checked when its frame comes.
func orAny(id string) string {
	if id == "" {
		return "*"
	}
	return id
}
