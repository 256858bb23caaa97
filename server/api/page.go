package api

import (
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/binside/binside/server/auth"
)

// page is the browser app: files that hold no data, so anyone may have them.
type page struct {
	files fs.FS
	index []byte
	// top are the names of the files beside index.html (icons, manifest).
	top map[string]bool
	// swagger says that the files for /docs are there.
	swagger bool
}

const noPage = `<!doctype html><html lang="en"><meta charset="utf-8"><title>binside</title>
<p>This build has no browser app. The API answers under /api/v1; /docs describes it.</p>
<p lang="zh-CN">此构建不含网页。接口位于 /api/v1,说明见 /docs。</p></html>`

func openPage(files fs.FS) (page, error) {
	p := page{files: files, index: []byte(noPage), top: map[string]bool{}}
	if files == nil {
		return p, nil
	}
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return page{}, fmt.Errorf("api: the page's files: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			p.top[e.Name()] = true
		}
	}
	index, err := fs.ReadFile(files, "index.html")
	if err == nil {
		p.index = index
	} else if !errors.Is(err, fs.ErrNotExist) {
		return page{}, fmt.Errorf("api: the page: %w", err)
	}
	_, err = fs.Stat(files, "swagger/swagger-ui-bundle.js")
	p.swagger = err == nil
	return p, nil
}

const assets = "/assets/"

// isShell reports whether a GET of the path is for the page's shell: the index
// itself (for a browser also under the paths that the app makes up), its
// assets, and the files beside it.
func (p *page) isShell(target, accept string) bool {
	if target == "/" || strings.HasPrefix(target, assets) || p.top[strings.TrimPrefix(target, "/")] {
		return true
	}
	return p.isAppPath(target, accept)
}

// isAppPath reports whether a browser asks for a page under a path of the
// app's own: no file, and nothing of the service's.
func (*page) isAppPath(target, accept string) bool {
	if !strings.Contains(accept, fiber.MIMETextHTML) || path.Ext(target) != "" {
		return false
	}
	for _, ours := range []string{"/api", "/docs", "/swagger", "/openapi", "/metrics", "/healthz", "/readyz", "/assets"} {
		if target == ours || strings.HasPrefix(target, ours+"/") {
			return false
		}
	}
	return true
}

// pagePolicy lets the page use its own files, images and stream, and nothing
// of anybody else's. Styles may be set on elements: charts do that.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; " +
	"font-src 'self'; connect-src 'self'; media-src 'self' blob:; worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// servePage answers what no route did. What is not the page's is passed on,
// so that Fiber says 404 or 405.
func (s *Server) servePage(c *fiber.Ctx) error {
	method, target := c.Method(), c.Path()
	if method != http.MethodGet && method != http.MethodHead || !s.page.isShell(target, c.Get(fiber.HeaderAccept)) {
		return c.Next()
	}
	c.Set(fiber.HeaderContentSecurityPolicy, pagePolicy)
	name := strings.TrimPrefix(target, "/")
	if name == "" || name == "index.html" || s.page.isAppPath(target, c.Get(fiber.HeaderAccept)) {
		c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
		c.Set(fiber.HeaderCacheControl, "no-cache")
		return c.Send(s.page.index)
	}
	cache := "no-cache"
	if strings.HasPrefix(target, assets) {
		cache = "public, max-age=31536000, immutable" // their names hold a hash
	}
	return s.sendFile(c, name, cache)
}

// sendFile sends one file of the page. The name is a clean path of fs.FS or it
// is not found.
func (s *Server) sendFile(c *fiber.Ctx, name, cache string) error {
	if s.page.files == nil || !fs.ValidPath(name) {
		return kindNotFound.problem("")
	}
	body, err := fs.ReadFile(s.page.files, name)
	if err != nil {
		return kindNotFound.problem("")
	}
	mediaType := mime.TypeByExtension(path.Ext(name))
	switch {
	case path.Ext(name) == ".js" || path.Ext(name) == ".mjs":
		mediaType = "text/javascript; charset=utf-8"
	case path.Ext(name) == ".webmanifest":
		mediaType = "application/manifest+json"
	case mediaType == "":
		mediaType = fiber.MIMEOctetStream
	}
	c.Set(fiber.HeaderContentType, mediaType)
	c.Set(fiber.HeaderCacheControl, cache)
	return c.Send(body)
}

// docsPolicy is what Swagger UI needs: styles on elements, and its own icons.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"font-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

const docsPage = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>binside API</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/swagger/swagger-ui.css"></head>
<body><div id="swagger-ui"></div><script src="/swagger/swagger-ui-bundle.js"></script><script src="/swagger/start.js"></script></body></html>`

const docsStart = `window.onload = () => { window.ui = SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null }); };
`

const noDocs = `<!doctype html><html lang="en"><meta charset="utf-8"><title>binside API</title>
<p>This build has no reader for the API's description. The description itself is at <a href="/openapi.yaml">/openapi.yaml</a> and <a href="/openapi.json">/openapi.json</a>.</p></html>`

func (s *Server) serveDocs(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentSecurityPolicy, docsPolicy)
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	if !s.page.swagger {
		return c.SendString(noDocs)
	}
	return c.SendString(docsPage)
}

// serveSwagger sends the files of the page's swagger folder, to whom /docs is
// open.
func (s *Server) serveSwagger(c *fiber.Ctx) error {
	if err := s.mayEver(c.UserContext(), auth.Reference); err != nil {
		return err
	}
	name := c.Params("*")
	if name == "start.js" {
		c.Set(fiber.HeaderContentType, "text/javascript; charset=utf-8")
		return c.SendString(docsStart)
	}
	return s.sendFile(c, "swagger/"+name, "private, max-age=86400")
}
