package mqtt

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	nats "github.com/nats-io/nats-server/v2/server"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/binside/binside/server/auth"
	"github.com/binside/binside/server/store"
)

// gate decides who may connect and how much of the service one token may have.
type gate struct {
	auth    *auth.Service
	limiter *auth.Limiter
	log     *slog.Logger
	// secret is this process's own credential, made at every start.
	secret string

	mu sync.Mutex
	// passes are what the door gives a device that it lets in, for Check.
	passes   map[string]*auth.Principal
	accounts map[string]*account // by the tokens' IDs
}

// account is what one token has. The gate's lock guards it.
type account struct {
	tokenID string
	links   map[*link]bool
	// sessions are the durable ones by their client IDs, and when somebody was last
	// there: the zero time while somebody is.
	sessions map[string]time.Time
	// words paces what is no picture, for all connections together.
	words *rate.Limiter
	// pictures bounds those that are being read and redacted.
	pictures *semaphore.Weighted
	held     holdings
	// latest is the connection that last tells of; nil where that has ended.
	latest *link
	last   store.MQTTDevice
}

// insideUser is the name and the client ID of this process's own connections,
// deviceUser the name of every device's.
const (
	insideUser = "binside"
	deviceUser = "device"
)

// The bounds of one token.
const (
	// maxConnections bounds its connections, maxSessions those of its sessions that
	// outlive the connection.
	maxConnections = 16
	maxSessions    = 4
	// wordRate, in bytes a second, and wordBurst bound what it says beside pictures.
	wordRate  = 64 << 10
	wordBurst = 256 << 10
)

// checkTimeout bounds the check of one credential.
const checkTimeout = 5 * time.Second

func newGate(a *auth.Service, log *slog.Logger) (*gate, error) {
	limiter, err := auth.NewLimiter(nil)
	if err != nil {
		return nil, err
	}
	return &gate{
		auth: a, limiter: limiter, log: log, secret: rand.Text() + rand.Text(),
		passes: make(map[string]*auth.Principal), accounts: make(map[string]*account),
	}, nil
}

// Check implements nats.Authentication: a device was checked when the door let it
// in, and shows the pass that it was given there, once.
func (g *gate) Check(c nats.ClientAuthentication) bool {
	opts := c.GetOpts()
	if opts.Username == insideUser && subtle.ConstantTimeCompare([]byte(opts.Password), []byte(g.secret)) == 1 {
		c.RegisterUser(&nats.User{Username: insideUser})
		return true
	}
	g.mu.Lock()
	p := g.passes[opts.Password]
	delete(g.passes, opts.Password)
	g.mu.Unlock()
	if p == nil {
		return false
	}
	c.RegisterUser(&nats.User{Username: deviceUser, Permissions: permissions(p)})
	return true
}

// admit says whose connection it is and rewrites the packet for the embedded
// server, or says for which reason there is none. The password is an access token,
// the user name anything.
func (g *gate) admit(l *link, connect *packets.ConnectPacket) *refusal {
	token := string(connect.Password)
	if _, exhausted := g.limiter.Exhausted(l.remote); exhausted && !g.auth.Known(token) {
		return &refusal{packets.ErrRefusedNotAuthorised, "too-many-attempts"}
	}
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	p, err := g.auth.CheckToken(ctx, token)
	switch {
	case errors.Is(err, auth.ErrRefused):
		g.limiter.Failed(l.remote)
		return &refusal{packets.ErrRefusedNotAuthorised, "credential"}
	case err != nil:
		g.log.Warn("an MQTT device's token could not be checked", "error", err)
		return &refusal{packets.ErrRefusedServerUnavailable, "store-unavailable"}
	case len(publishable(p))+len(readable(p)) == 0:
		return &refusal{packets.ErrRefusedNotAuthorised, "no-rights"}
	}
	if connect.ClientIdentifier == "" {
		connect.ClientIdentifier = p.ID + "-" + strings.ToLower(rand.Text())
	}
	if !mayBeCalled(p.ID, connect.ClientIdentifier) {
		return &refusal{packets.ErrRefusedIDRejected, "client-id"}
	}
	l.principal, l.clientID, l.durable, l.pass = p, connect.ClientIdentifier, !connect.CleanSession, rand.Text()
	if no := g.enter(l); no != nil {
		return no
	}
	connect.UsernameFlag, connect.PasswordFlag = true, true
	connect.Username, connect.Password = deviceUser, []byte(l.pass)
	return nil
}

// enter counts a connection as its token's, within the token's bounds.
func (g *gate) enter(l *link) *refusal {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.account(l.principal.ID)
	// Whoever comes under the same client ID again takes over from itself.
	others := 0
	for other := range a.links {
		if other.clientID != l.clientID {
			others++
		}
	}
	if others >= maxConnections {
		return &refusal{packets.ErrRefusedServerUnavailable, "too-many-connections"}
	}
	if _, known := a.sessions[l.clientID]; l.durable && !known && len(a.sessions) >= maxSessions {
		return &refusal{packets.ErrRefusedIDRejected, "too-many-sessions"}
	}
	if l.durable {
		a.sessions[l.clientID] = time.Time{}
	} else {
		delete(a.sessions, l.clientID) // that is what MQTT has a clean session do
	}
	l.account = a
	a.links[l] = true
	a.began(l)
	g.passes[l.pass] = l.principal
	return nil
}

// account is a token's; the lock is held.
func (g *gate) account(tokenID string) *account {
	a := g.accounts[tokenID]
	if a == nil {
		a = &account{tokenID: tokenID, links: make(map[*link]bool), sessions: make(map[string]time.Time), words: rate.NewLimiter(wordRate, wordBurst), pictures: semaphore.NewWeighted(atOnce)}
		g.accounts[tokenID] = a
	}
	return a
}

// parted takes note of a connection's end.
func (g *gate) parted(l *link) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.passes, l.pass)
	delete(l.account.links, l)
	l.account.parted(l)
	if _, kept := l.account.sessions[l.clientID]; kept && l.durable && l.account.link(l.clientID) == nil {
		l.account.sessions[l.clientID] = time.Now()
	}
}

// link is the connection under a client ID; nil where there is none.
func (a *account) link(clientID string) *link {
	for l := range a.links {
		if l.clientID == clientID {
			return l
		}
	}
	return nil
}

// mayBeCalled reports whether a device may use a client ID. Whoever connects
// under the ID of another ends that one's connection and takes over its session:
// the ID must be the token's, alone or before a hyphen.
func mayBeCalled(tokenID, clientID string) bool {
	rest, own := strings.CutPrefix(clientID, tokenID)
	return own && (rest == "" || rest[0] == '-') && len(clientID) <= maxClientID
}

// maxClientID bounds a client ID, in bytes.
const maxClientID = 64

// tokenOf is the ID of the token that a client ID belongs to.
func tokenOf(clientID string) string {
	id, _, _ := strings.Cut(clientID, "-")
	return id
}

// count is how many devices are connected, and how many durable sessions there are.
func (g *gate) count() (devices, sessions int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, a := range g.accounts {
		devices += len(a.links)
		sessions += len(a.sessions)
	}
	return devices, sessions
}

// stop takes note that whatever ends from here on ends because this service stops.
func (g *gate) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, a := range g.accounts {
		for l := range a.links {
			l.because(Stopped)
		}
	}
}

// cut ends the connections of a token that does not hold any more.
func (g *gate) cut(tokenID string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if a := g.accounts[tokenID]; a != nil {
		for l := range a.links {
			l.cut("token")
		}
	}
}

// sweep cuts the connections whose token has expired, or was revoked by another
// process, or while it was being checked. It returns the client IDs of the durable
// sessions to be dropped: those of such tokens, and those that nobody came back to
// since before.
func (g *gate) sweep(ctx context.Context, before time.Time) (drop []string) {
	for _, id := range g.known() {
		ctx, cancel := context.WithTimeout(ctx, checkTimeout)
		err := g.auth.Stands(ctx, id)
		cancel()
		ended := errors.Is(err, auth.ErrRefused)
		if ended {
			g.cut(id)
		}
		drop = append(drop, g.stale(id, before, ended)...)
	}
	return drop
}

// known are the tokens that are connected or have sessions. What is remembered of
// others is forgotten where it means nothing any more.
func (g *gate) known() (ids []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	for id, a := range g.accounts {
		if len(a.links)+len(a.sessions) > 0 {
			ids = append(ids, id)
		} else if a.words.TokensAt(now) >= wordBurst && a.held.bytes(now) == 0 && a.last == (store.MQTTDevice{}) {
			delete(g.accounts, id)
		}
	}
	return ids
}

// stale are the sessions of a token that are to be dropped: all that nobody is
// connected to, or only those for which nobody came since before.
func (g *gate) stale(tokenID string, before time.Time, all bool) (clientIDs []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.accounts[tokenID]
	if a == nil {
		return nil
	}
	for id, seen := range a.sessions {
		if a.link(id) == nil && (all || seen.Before(before)) {
			clientIDs = append(clientIDs, id)
		}
	}
	slices.Sort(clientIDs)
	return clientIDs
}

// dropping forgets a session that is about to be dropped; false: its device is
// back.
func (g *gate) dropping(clientID string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	a := g.accounts[tokenOf(clientID)]
	if a == nil || a.link(clientID) != nil {
		return false
	}
	delete(a.sessions, clientID)
	return true
}

// restore takes in a session that was found on the disk.
func (g *gate) restore(clientID string, seen time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.account(tokenOf(clientID)).sessions[clientID] = seen
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
