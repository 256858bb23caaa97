package auth

import (
	"net/url"
	"strings"
)

// SameOrigin reports whether a request that a browser made comes from our own
// page, by Sec-Fetch-Site where the browser sends it, else by Origin. A
// request with neither is no browser's, or an old one's, and is not the same
// origin: cookies may not change anything with it.
//
// Only the host is compared: behind a proxy that ends TLS the schemes differ.
func SameOrigin(secFetchSite, origin, host string) bool {
	if secFetchSite != "" {
		return secFetchSite == "same-origin"
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}
