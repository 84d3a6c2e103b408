package api

import (
	"net"
	"net/netip"
	"strings"

	"github.com/gin-gonic/gin"
)

// checkHost refuses, on an open server, a Host header that does not name this machine. A web page can make its own name
// resolve to 127.0.0.1 and then read and write here as if it were the same origin (DNS rebinding); its requests still carry
// that name. With tokens this is not needed, because such a page has none.
func (s *server) checkHost(c *gin.Context) {
	if s.deps.Open && !isLoopbackHost(c.Request.Host) {
		s.refuse(c, problemForeignHost, "this server has no tokens, so it answers only under localhost or a loopback address; "+
			"configure tokens to use another name")
	}
}

// isLoopbackHost reports whether a Host header, with or without a port, names the loopback interface.
func isLoopbackHost(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	} else if inner, ok := strings.CutPrefix(host, "["); ok {
		name = strings.TrimSuffix(inner, "]")
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Unmap().IsLoopback()
}

// checkOrigin refuses what another site caused in a browser, by Sec-Fetch-Site or Origin: writes (CSRF), and reads other than
// following a link, of which that site would see nothing but which cost a stream. Programs that are no browsers send neither.
func (s *server) checkOrigin(c *gin.Context) {
	foreignRead := c.GetHeader("Sec-Fetch-Site") == "cross-site" && c.GetHeader("Sec-Fetch-Mode") != "navigate"
	if err := s.origin.Check(c.Request); err != nil || foreignRead {
		s.refuse(c, problemCrossOrigin, "send it from a page of this server, or from a program that is no browser")
	}
}
